// What the command line is told from outside: where the server is, who calls, and the password of a registry.

import type { Secret } from '../core/shared/secret.ts';

export interface CommandLineSettings {
  /** REGWAY_URL. */
  readonly url: string | undefined;
  /** REGWAY_TOKEN. */
  readonly token: Secret | undefined;
  /** REGWAY_REGISTRY_PASSWORD. */
  readonly registryPassword: Secret | undefined;
  /** Where programs keep settings of this user: XDG_CONFIG_HOME or ~/.config. */
  readonly configDir: string;
}
