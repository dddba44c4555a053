// The law of suggestions: a cloud's own hosts suggest its type, look-alikes suggest nothing.

import { expect, it } from 'vitest';
import { suggestType } from '../../../src/core/registry/registry.ts';

it.each([
  ['123456789012.dkr.ecr.eu-west-1.amazonaws.com', 'AWSECR'],
  ['123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/team/*', 'AWSECR'],
  ['123456789012.DKR.ECR.cn-north-1.amazonaws.com.cn', 'AWSECR'],
  ['gcr.io/project/*', 'GCR'],
  ['europe-docker.pkg.dev', 'GCR'],
  ['example1.azurecr.io', 'ACR'],
  ['docker.io', undefined],
  ['', undefined],
  ['123456789012.dkr.ecr.eu-west-1.amazonaws.com.evil.net', undefined],
  ['12345.dkr.ecr.eu-west-1.amazonaws.com', undefined],
  ['evil-azurecr.io', undefined],
  ['x.azurecr.io.evil.net', undefined],
  ['a.b-docker.pkg.dev.evil.net', undefined],
  ['notgcr.io', undefined],
])('%j suggests %s', (text, type) => {
  expect(suggestType(text)?.type).toBe(type);
});
