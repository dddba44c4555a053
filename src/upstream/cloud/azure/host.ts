// Recognizes the hosts of Azure's registries, and maps them to the login server of their cloud.

export interface AcrHost {
  /** Login server of the cloud. */
  readonly authority: string;
  /** What a token must be for, so that the registries of the cloud take it. */
  readonly audience: string;
}

/** Anchored at both ends and without a port. A registry with a domain name label has it after a hyphen. */
const hostPattern = /^[a-z0-9]{5,50}(?:-[a-z0-9]{1,50})?\.azurecr\.(?<cloud>io|cn|us)$/;

/** Azure, Azure operated by 21Vianet, and Azure Government. Azure Germany (azurecr.de) closed in 2021. */
const clouds: Readonly<Record<string, AcrHost>> = {
  io: { authority: 'https://login.microsoftonline.com', audience: 'https://containerregistry.azure.net' },
  cn: { authority: 'https://login.partner.microsoftonline.cn', audience: 'https://management.chinacloudapi.cn' },
  us: { authority: 'https://login.microsoftonline.us', audience: 'https://management.usgovcloudapi.net' },
};

/** What a host says of itself; undefined when it is no registry of Azure. @param host Canonical, in lower case. */
export function parseAcrHost(host: string): AcrHost | undefined {
  return clouds[hostPattern.exec(host)?.groups?.['cloud'] ?? ''];
}
