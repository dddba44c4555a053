// Recognizes the hosts of Amazon ECR, and parses account and region from them.
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html

/** The host of a private registry of Amazon ECR. */
export interface PrivateEcrHost {
  readonly kind: 'private';
  /** Twelve digits. */
  readonly account: string;
  readonly region: string;
  readonly isFips: boolean;
  readonly isDualStack: boolean;
}

/** The host of a registry of Amazon ECR. */
export type EcrHost = PrivateEcrHost | { readonly kind: 'public' };

/** Anchored at both ends and without a port, because a minted login must be sent only to Amazon. */
const privatePattern =
  /^(?<account>\d{12})\.dkr[.-]ecr(?<fips>-fips)?\.(?<region>[a-z]{2,6}(?:-[a-z0-9]{1,16}){2,4})\.(?<domain>amazonaws\.com|amazonaws\.com\.cn|amazonaws\.eu|on\.aws|on\.amazonwebservices\.com\.cn|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)$/;

const publicHosts: ReadonlySet<string> = new Set(['public.ecr.aws', 'ecr-public.aws.com']);

/** Maps prefixes of regions to the domains of their hosts. All other regions use amazonaws.com or on.aws. */
const domainsByRegion: readonly (readonly [prefix: string, domains: readonly string[]])[] = [
  ['cn-', ['amazonaws.com.cn', 'on.amazonwebservices.com.cn']],
  ['eusc-', ['amazonaws.eu']],
  ['us-isob-', ['sc2s.sgov.gov']],
  ['us-isof-', ['csp.hci.ic.gov']],
  ['us-iso-', ['c2s.ic.gov']],
  ['eu-isoe-', ['cloud.adc-e.uk']],
  ['', ['amazonaws.com', 'on.aws']],
];

/** Parses a host, or returns undefined if it is not a registry of Amazon. @param host canonical, in lower case. */
export function parseEcrHost(host: string): EcrHost | undefined {
  if (publicHosts.has(host)) return { kind: 'public' };
  const { account, fips, region = '', domain = '' } = privatePattern.exec(host)?.groups ?? {};
  if (account === undefined) return undefined;
  const [, domains = []] = domainsByRegion.find(([prefix]) => region.startsWith(prefix)) ?? [];
  if (!domains.includes(domain)) return undefined;
  return { kind: 'private', account, region, isFips: fips !== undefined, isDualStack: domain.startsWith('on.') };
}
