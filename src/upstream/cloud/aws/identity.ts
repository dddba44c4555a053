// Parses the identities that can be stored for Amazon ECR: an access key, the server's own identity, or a role that this identity assumes.

import type { Advice } from '../../../core/registry/advice.ts';
import type { Credential } from '../../../core/validation/validator.ts';
import { ambientIsOff, CloudFailure } from '../failure.ts';

/** The stored identity for Amazon ECR. */
export type EcrIdentity =
  | { readonly kind: 'key'; readonly accessKeyId: string; readonly secretAccessKey: string }
  | { readonly kind: 'ambient' }
  | { readonly kind: 'role'; readonly roleArn: string; readonly externalId: string | undefined };

/** The username, or password, that represents the server's own identity. */
const ambientWord = 'awsauto';

/** The username for a password of the form `ROLE_ARN[;EXTERNAL_ID]`. */
const roleWord = '_iam_role';

/** IAM's own limits. https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
const roleArnPattern = /^arn:aws[a-z-]{0,20}:iam::\d{12}:role\/[\w+=,.@/-]{1,576}$/;
const externalIdPattern = /^[\w+=,.@:/-]{2,1224}$/;
const accessKeyPattern = /^[A-Z0-9]{16,128}$/;

/**
 * Parses the stored username and password.
 * @param ambientAllowed whether registries may use the server's own identity. If so, everyone who can create registries can use it.
 * @throws CloudFailure if they are no usable identity.
 */
export function parseEcrIdentity({ username, password }: Credential, ambientAllowed: boolean): EcrIdentity {
  const secret = password.reveal();
  const isAmbient = username === ambientWord || secret === ambientWord;
  if ((isAmbient || username === roleWord) && !ambientAllowed) throw ambientIsOff('REGWAY_AWS_AMBIENT');
  if (isAmbient) return { kind: 'ambient' };
  return username === roleWord ? parseRole(secret) : parseKey(username, secret);
}

function parseRole(text: string): EcrIdentity {
  const [roleArn = '', externalId, ...others] = text.trim().split(';');
  if (!roleArnPattern.test(roleArn))
    throw unreadable('the password of _iam_role is not a role', [{ kind: 'USE_ROLE' }]);
  if (others.length > 0 || (externalId !== undefined && !externalIdPattern.test(externalId))) {
    throw unreadable('the text after the role is not an external ID', [{ kind: 'USE_EXTERNAL_ID' }]);
  }
  return { kind: 'role', roleArn, externalId };
}

function parseKey(accessKeyId: string, secretAccessKey: string): EcrIdentity {
  if (!accessKeyPattern.test(accessKeyId)) {
    throw unreadable('the username is not an access key ID', [
      { kind: 'USE_ACCESS_KEY' },
      { kind: 'USE_TYPE', type: 'DOCKER_V2' },
    ]);
  }
  if (accessKeyId.startsWith('ASIA')) {
    throw unreadable('the access key is temporary and works only with a session token', [
      { kind: 'USE_LONG_TERM_KEY' },
    ]);
  }
  return { kind: 'key', accessKeyId, secretAccessKey };
}

function unreadable(reason: string, advice: readonly Advice[]): CloudFailure {
  return new CloudFailure(`The stored identity for Amazon ECR cannot be used: ${reason}. Nothing was sent.`, {
    advice,
  });
}
