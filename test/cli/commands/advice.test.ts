// Every advice that names a term of an interface, executed: the test does what GraphQL, the console, REST, and the command line say in their own words, and the credential works. A kind without a case does not compile.

import { describe, expect, it } from 'vitest';
import type { InterfaceAdviceKind } from '../../../src/core/registry/advice.ts';
import { hintOf } from '../../../src/cli/registry/advice.ts';
import { CreateDocument, type CreateMutation } from '../../../src/console/api/operations.ts';
import { hintOf as consoleHint } from '../../../src/console/shared/advice.ts';
import { typeLabels } from '../../../src/console/shared/words.ts';
import { restWords } from '../../../src/server/rest/advice.ts';
import { createCertificate, marker, startServer } from '../../upstream/fixtures.ts';
import { basicRegistry, bearerServer } from '../../upstream/personalities.ts';
import { useCommandLine } from '../harness.ts';

const line = useCommandLine();

/** What is sent; following advice changes it. */
interface Attempt {
  readonly registry: string;
  username: string;
  password: string;
  secureConnection: boolean;
  type?: string;
  trustedRealm?: string;
  probeRepository?: string;
}

interface Case {
  readonly attempt: Attempt;
  /** What a person does at the registry. */
  readonly mend?: () => void;
}

const right = { username: 'alice', password: marker };
const plainCase = async (more: Partial<Attempt> = {}): Promise<Case> => ({
  attempt: { registry: (await startServer(basicRegistry)).host, ...right, secureConnection: false, ...more },
});

/** These need a stored registry, and the operator's setting a new start: all have tests of their own. */
type Elsewhere = 'KEEP_UNVERIFIED_TLS' | 'VALIDATE' | 'PERMIT_AND_ALLOW_PLAIN_HTTP';

const cases: Readonly<Record<Exclude<InterfaceAdviceKind, Elsewhere>, () => Promise<Case>>> = {
  CHECK_CREDENTIAL: () => plainCase({ password: 'wrong' }),
  REMOVE_USERNAME_SPACE: () => plainCase({ username: 'alice ' }),
  REMOVE_PASSWORD_SPACE: () => plainCase({ password: `${marker} ` }),
  GRANT_PULL: async () => {
    let isGranted = false;
    const { host } = await startServer((request, response) =>
      bearerServer({ repositoryStatus: isGranted ? 200 : 403 }).both(request, response),
    );
    return {
      attempt: { registry: `${host}/team/app`, ...right, secureConnection: false },
      mend: () => {
        isGranted = true;
      },
    };
  },
  PROBE_PRIVATE_REPOSITORY: async () => ({
    attempt: {
      registry: (await startServer(bearerServer({ anonymous: 'FULL_TOKEN' }).both)).host,
      ...right,
      secureConnection: false,
    },
  }),
  TRUST_REALM: async () => {
    const { registry, tokenServer } = bearerServer({ realm: () => `${tokens.origin}/token` });
    const tokens: { readonly origin: string } = await startServer(tokenServer);
    return { attempt: { registry: (await startServer(registry)).host, ...right, secureConnection: false } };
  },
  ALLOW_UNVERIFIED_TLS: async () => ({
    attempt: {
      registry: (await startServer(basicRegistry, { tls: await createCertificate({}) })).host,
      ...right,
      secureConnection: true,
    },
  }),
  ALLOW_PLAIN_HTTP: () => plainCase({ secureConnection: true }),
  USE_TYPE: () => plainCase({ type: 'GCR' }),
};

/** Does what the sentences of any interface say, by the terms in them. */
function follow(words: string, { attempt, mend }: Case): void {
  if (
    /(?:turn on Allow Self Signed|pass secureConnection: false|"registry_verify": false|--secure-connection=false)/.test(
      words,
    )
  )
    attempt.secureConnection = false;
  const realm = /(?:trustedRealm: "|--trusted-realm=)([^\s",]+?)[".,;]?(?:\s|$|;)/.exec(words)?.[1];
  if (realm !== undefined) attempt.trustedRealm = realm;
  const consoleRealm = /If (\S+) is the token server of this registry, enter it as the Trusted token server/.exec(
    words,
  )?.[1];
  if (consoleRealm !== undefined) attempt.trustedRealm = consoleRealm;
  const label = /choose the type (.+?)\.$/.exec(words)?.[1];
  const labeled = Object.entries(typeLabels).find(([, text]) => text === label)?.[0];
  if (labeled !== undefined) attempt.type = labeled;
  const type = /(?:type: |"registry_type": "|--type=)(\w+)/.exec(words)?.[1];
  if (type !== undefined) attempt.type = type.toUpperCase();
  if (/probeRepository|--probe-repository|as the Test repository/.test(words)) attempt.probeRepository = 'team/app';
  if (/(?:username|registry_user) begins or ends/.test(words)) attempt.username = attempt.username.trim();
  if (/(?:password|registry_pass) begins or ends/.test(words)) attempt.password = attempt.password.trim();
  if (/Check (?:both|(?:the )?(?:username and password|registry_user and registry_pass))/.test(words))
    Object.assign(attempt, right);
  if (words.includes('Grant the user')) mend?.();
}

interface Result {
  readonly isValid: boolean;
  readonly words: string;
}

async function byGraphql({ secureConnection, ...input }: Attempt): Promise<Result> {
  const { body } = await line.server.graphql(
    `mutation ($input: CreateRegistryInput!, $secureConnection: Boolean!) {
      checkRegistry(input: $input, secureConnection: $secureConnection) { validation { outcome hint advice { kind message } } } }`,
    { input, secureConnection },
  );
  const { validation } = (body.data as { checkRegistry: { validation: { outcome: string; hint: string | null } } })
    .checkRegistry;
  return { isValid: validation.outcome === 'VALID', words: validation.hint ?? '' };
}

function flags({ registry, username, secureConnection, type, trustedRealm, probeRepository }: Attempt): string[] {
  return [
    registry,
    `--username=${username}`,
    `--secure-connection=${secureConnection}`,
    ...(type === undefined ? [] : [`--type=${type.toLowerCase()}`]),
    ...(trustedRealm === undefined ? [] : [`--trusted-realm=${trustedRealm}`]),
    ...(probeRepository === undefined ? [] : [`--probe-repository=${probeRepository}`]),
  ];
}

async function byCommandLine(attempt: Attempt): Promise<Result> {
  const env = { REGWAY_REGISTRY_PASSWORD: attempt.password };
  const { stderr } = await line.run(['registry', 'check', ...flags(attempt)], { env });
  return { isValid: /✓ VALID /.test(stderr), words: /Hint: (.*)/.exec(stderr)?.[1] ?? '' };
}

/** REST has no key for two settings, and names the command that has a flag. */
async function byRest(attempt: Attempt): Promise<Result> {
  const { registry, username, password, secureConnection, type, trustedRealm, probeRepository } = attempt;
  if (trustedRealm !== undefined || probeRepository !== undefined) return byCommandLine(attempt);
  const response = await fetch(`${line.server.url}/api/v2/registries`, {
    method: 'POST',
    headers: { authorization: `Bearer ${line.server.firstToken()}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      registry,
      registry_user: username,
      registry_pass: password,
      registry_verify: secureConnection,
      ...(type === undefined ? {} : { registry_type: type.toLowerCase() }),
    }),
  });
  const body = (await response.json()) as { message?: string };
  return { isValid: response.ok, words: body.message ?? '' };
}

/** By the form of the console: its operation, and its words for what the server answers. */
async function byConsole({ secureConnection, ...input }: Attempt): Promise<Result> {
  const variables = { input, secureConnection, validate: true };
  const { body } = await line.server.graphql(String(CreateDocument), variables);
  const { validation, registry } = (body.data as CreateMutation).createRegistry;
  if (registry !== null && registry !== undefined)
    await line.server.graphql('mutation ($id: ID!) { deleteRegistry(id: $id) { errors { message } } }', registry);
  const words = validation === null || validation === undefined ? '' : (consoleHint(validation) ?? '');
  return { isValid: validation?.outcome === 'VALID', words };
}

describe.each([
  ['GraphQL', byGraphql],
  ['the console', byConsole],
  ['REST', byRest],
  ['the command line', byCommandLine],
])('in the words of %s', (name, send) => {
  it.each(Object.entries(cases))('%s solves its situation once it is followed', async (kind, start) => {
    // REST stores a credential that could not be verified, and shows no report of it.
    if (name === 'REST' && kind === 'PROBE_PRIVATE_REPOSITORY')
      return expect((await send((await start()).attempt)).isValid).toBe(true);
    const situation = await start();
    const first = await send(situation.attempt);
    expect(first).toMatchObject({ isValid: false, words: expect.stringMatching(/\w/) });
    follow(first.words, situation);
    expect(await send(situation.attempt), first.words).toMatchObject({ isValid: true });
  });
});

/** Stores a registry without TLS verification and without a check, and returns its ID. */
async function storeUnverified(attempt: Attempt): Promise<string> {
  const { secureConnection, ...input } = attempt;
  expect(secureConnection).toBe(false);
  const { body } = await line.server.graphql(
    `mutation ($input: CreateRegistryInput!) {
      createRegistry(input: $input, secureConnection: false, validate: false) { registry { id } errors { message } } }`,
    { input },
  );
  return (body.data as { createRegistry: { registry: { id: string } } }).createRegistry.registry.id;
}

describe('for a registry that is stored without TLS verification, GraphQL words it so that an update solves the situation:', () => {
  const stored = Object.entries(cases).filter(
    // These two turn the verification off.
    ([kind]) => kind !== 'ALLOW_UNVERIFIED_TLS' && kind !== 'ALLOW_PLAIN_HTTP',
  );

  it.each(stored)('%s', async (_kind, start) => {
    const situation = await start();
    const { attempt } = situation;
    const id = await storeUnverified(attempt);
    const validate = async () => {
      const { body } = await line.server.graphql(
        `mutation ($id: ID!) { validateRegistry(id: $id) { validation { outcome hint } } }`,
        { id },
      );
      return (body.data as { validateRegistry: { validation: { outcome: string; hint: string | null } } })
        .validateRegistry.validation;
    };
    const { hint } = await validate();
    // Only what the sentences say is passed.
    const { registry: _pattern, ...before } = attempt;
    attempt.secureConnection = true;
    follow(hint ?? '', situation);
    const { secureConnection, ...after } = attempt;
    const changes = Object.entries(after).filter(
      ([field, value]) => field !== 'registry' && before[field as keyof typeof before] !== value,
    );
    const input = {
      ...Object.fromEntries(changes),
      ...(/password in the same call/.test(hint ?? '') ? { password: attempt.password } : {}),
    };
    // A right that was granted at the registry needs no update.
    if (Object.keys(input).length > 0) {
      const { body } = await line.server.graphql(
        `mutation ($id: ID!, $input: UpdateRegistryInput!, $secureConnection: Boolean) {
          updateRegistry(id: $id, input: $input, secureConnection: $secureConnection) { errors { code message } } }`,
        { id, input, secureConnection: secureConnection ? null : false },
      );
      expect(body.data, hint ?? '').toEqual({ updateRegistry: { errors: [] } });
    }
    expect(await validate(), hint ?? '').toMatchObject({ outcome: 'VALID' });
  });
});

describe('VALIDATE, after a registry was stored without a check,', () => {
  const unchecked = async () => storeUnverified((await plainCase()).attempt);
  const lastValidation = async (id: string) => {
    const { body } = await line.server.graphql(
      'query ($id: ID!) { registry(id: $id) { registry lastValidation { outcome hint advice { kind } } } }',
      { id },
    );
    return (
      body.data as {
        registry: { registry: string; lastValidation: { outcome: string; hint: string; advice: { kind: string }[] } };
      }
    ).registry;
  };

  it('is executed as GraphQL words it', async () => {
    const id = await unchecked();
    const { lastValidation: before } = await lastValidation(id);
    expect(before.advice).toEqual([{ kind: 'VALIDATE' }]);
    const name = /Call (\w+)/.exec(before.hint)?.[1];
    const { body } = await line.server.graphql(`mutation ($id: ID!) { ${name}(id: $id) { validation { outcome } } }`, {
      id,
    });
    expect(body.data).toEqual({ [name ?? '']: { validation: { outcome: 'VALID' } } });
    expect((await lastValidation(id)).lastValidation).toMatchObject({ outcome: 'VALID', advice: [] });
  });

  it('is executed as REST words it', async () => {
    const id = await unchecked();
    const { registry } = await lastValidation(id);
    expect(restWords.VALIDATE({ kind: 'VALIDATE' })).toBe(
      'Send registry_pass again, without validate=false, to check the credential.',
    );
    const response = await fetch(`${line.server.url}/api/v2/registries/${encodeURIComponent(registry)}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${line.server.firstToken()}`, 'content-type': 'application/json' },
      body: JSON.stringify({ registry_pass: marker }),
    });
    expect(response.status).toBe(200);
    expect((await lastValidation(id)).lastValidation).toMatchObject({ outcome: 'VALID', advice: [] });
  });

  it('is executed as the command line words it', async () => {
    const id = await unchecked();
    const { registry } = await lastValidation(id);
    const hint = hintOf({ advice: [{ ...noFields, kind: 'VALIDATE', message: '' }], hint: null }) ?? '';
    const command = /Run "([^"]+)"/.exec(hint)?.[1] ?? hint;
    const ran = await line.run([...command.split(' ').slice(1), registry]);
    expect(ran, command).toMatchObject({ code: 0, stderr: expect.stringContaining('✓ VALID ') });
    expect((await lastValidation(id)).lastValidation).toMatchObject({ outcome: 'VALID', advice: [] });
  });
});

const noFields = {
  host: null,
  repository: null,
  type: null,
  setting: null,
  until: null,
  names: null,
  action: null,
  provider: null,
};

describe('a command that is offered for a registry of another account, stored without TLS verification,', () => {
  const env = { REGWAY_REGISTRY_PASSWORD: marker };
  const words = (command: string) => command.replace('<a private repository>', 'team/app').split(' ').slice(1);

  /** Stores a registry whose password an anonymous token hides, and returns its pattern. */
  async function storeInAnotherAccount(): Promise<string> {
    const { host } = await startServer(bearerServer({ anonymous: 'FULL_TOKEN' }).both);
    await line.run(['account', 'create', 'team-a']);
    const add = ['registry', 'add', host, '--username=alice', '--secure-connection=false', '--account=team-a'];
    expect(await line.run(add, { env })).toMatchObject({ code: 0 });
    return host;
  }

  it('solves the situation after a validation', async () => {
    const host = await storeInAnotherAccount();
    const { stderr } = await line.run(['registry', 'validate', host, '--account=team-a']);
    const command = /Command: (.*)/.exec(stderr)?.[1] ?? stderr;
    expect(await line.run(words(command)), command).toMatchObject({ code: 0 });
    const again = await line.run(['registry', 'validate', host, '--account=team-a']);
    expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining('✓ VALID ') });
  });

  it('changes the registry that exists already', async () => {
    const host = await storeInAnotherAccount();
    const { stderr } = await line.run(['registry', 'add', host, '--username=bob', '--account=team-a'], { env });
    const command = /To change it, run: (.*)/.exec(stderr)?.[1] ?? stderr;
    expect(await line.run([...words(command), '--name=Ours']), command).toMatchObject({ code: 0 });
  });

  it('lists the registries of that account after a wrong name', async () => {
    const host = await storeInAnotherAccount();
    const { stderr } = await line.run(['registry', 'get', 'nowhere.example', '--account=team-a']);
    const command = /Run "([^"]+)"/.exec(stderr)?.[1] ?? stderr;
    expect((await line.run(words(command))).stdout, command).toContain(host);
  });
});
