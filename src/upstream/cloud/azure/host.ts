// Recognizes the hosts of Azure's registries, and maps them to the login server of their cloud.

/** The cloud of an Azure registry. */
export interface AcrHost {
  /** The login server of the cloud. */
  readonly authority: string;
  /** The audience of tokens that the registries of the cloud accept. */
  readonly audience: string;
}

/** Anchored at both ends and without a port. A domain name label, if any, follows a hyphen. */
const hostPattern = /^[a-z0-9]{5,50}(?:-[a-z0-9]{1,50})?\.azurecr\.(?<cloud>io|cn|us)$/;

/** Azure, Azure operated by 21Vianet, and Azure Government. Azure Germany (azurecr.de) closed in 2021. */
const clouds: Readonly<Record<string, AcrHost>> = {
  io: { authority: 'https://login.microsoftonline.com', audience: 'https://containerregistry.azure.net' },
  cn: { authority: 'https://login.partner.microsoftonline.cn', audience: 'https://management.chinacloudapi.cn' },
  us: { authority: 'https://login.microsoftonline.us', audience: 'https://management.usgovcloudapi.net' },
};

/** Parses a host, or returns undefined if it is not a registry of Azure. @param host canonical, in lower case. */
export function parseAcrHost(host: string): AcrHost | undefined {
  return clouds[hostPattern.exec(host)?.groups?.['cloud'] ?? ''];
}
