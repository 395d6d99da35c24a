import { type FeatureId, features } from './features.ts';

/** What decides about optional channels beside the features. All are off unless a topology turns them on. */
export const furtherOptions = {
  'mover-dials': "the mover on the backup server's computer dials the agents for data, instead of the other way round",
  'reserved-data-ports': 'Windows has reserved ports of the data range for other programs',
  'alternate-rest-port': 'the server listens on 8443 because it may not or can not listen on 443',
  'restic-session-ports': 'an unmodified restic gets session ports of its own',
  winrm: 'WMI is asked over WS-Management (5985), because the server does not run on Windows',
  'password-sign-in': 'Windows computers are reached with an account and password, not with certificates',
  'stand-alone-agents': 'agents work without a server and send their own reports by mail, webhook or syslog',
  'mail-submission': 'the mail server wants encryption (587)',
  'syslog-udp': 'the syslog server takes UDP only',
  'revocation-lists-http': "the service provider's certificate authority publishes its revocation lists on port 80",
  'revocation-lists-https': "the service provider's certificate authority publishes its revocation lists on port 443",
} as const;

/** What a topology may turn on and off: a feature, or something else that decides whether an optional channel is needed. */
export type OptionId = FeatureId | keyof typeof furtherOptions;

export const options: Readonly<Record<OptionId, string>> = { ...features, ...furtherOptions };

export const optionIds = Object.keys(options) as readonly OptionId[];

export function isOption(value: string): value is OptionId {
  return Object.hasOwn(options, value);
}

/** Features that a network has only if somebody says so. Others are in use wherever the roles and neighbours for them are. */
const onlyOnRequest: ReadonlySet<OptionId> = new Set<OptionId>([
  'netbios-names',
  'cluster-protection',
  'fast-deployment',
  'log-shipping',
  'clustered-log-shipping',
  'previous-agents',
]);

/** Whether the option is in use where a topology does not mention it. */
export function isOnByDefault(id: OptionId): boolean {
  return !Object.hasOwn(furtherOptions, id) && !onlyOnRequest.has(id);
}
