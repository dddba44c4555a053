// A registry that names this server itself: its pulls would begin another pull each, without end.

import { expect, it } from 'vitest';
import { Secret } from '../../../src/core/shared/secret.ts';
import { callerOf, openDomain } from '../../support/domain.ts';

it.each(['regway.test:4000', 'regway.test:4000/team/*', 'REGWAY.test:4000/team/app'])(
  'is refused, whether it is validated or not, before anything is sent or stored: %s',
  async (registry) => {
    const domain = await openDomain();
    const input = { registry, username: 'alice', password: new Secret('pass') };
    for (const validate of [true, false])
      await expect(
        domain.registries.create(callerOf('READ_WRITE'), input, { secureConnection: true, validate }),
      ).rejects.toMatchObject({ code: 'INVALID_REGISTRY', reason: 'HOST_IS_REGWAY', field: ['registry'] });
    expect(domain.asked).toEqual([]);
    expect(await domain.rows('SELECT id FROM registry')).toEqual([]);
    await domain.close();
  },
);
