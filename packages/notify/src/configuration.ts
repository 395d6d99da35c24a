import { isIP } from 'node:net';
import { z } from 'zod';
import { ruleKinds, severities } from './event.ts';

/** `notify.yaml`: where notifications go, and who gets what. Secrets are in files of their own, so that this one holds none. */

const host = z
  .string()
  .min(1)
  .max(253)
  .refine((text) => isIP(text) !== 0 || /^[A-Za-z0-9._-]+$/.test(text), 'is a host name or an address, without a port');
const port = z.number().int().min(1).max(65_535);
const file = z.string().min(1).max(4096);
const address = z.email().max(254);
const recipients = z.array(address).min(1).max(50);
/** In forms and addresses of their services. */
const word = z
  .string()
  .min(1)
  .max(254)
  .regex(/^[\w.@~-]+$/, 'has letters, digits and . @ ~ - _ only');

const smtp = z
  .strictObject({
    kind: z.literal('smtp'),
    host,
    /** Default 25; 587 with a user. */
    port: port.optional(),
    /** `required` is the default, also of the certificate. `when-offered`: plain text to a server without STARTTLS. */
    encryption: z.enum(['required', 'when-offered', 'none']).default('required'),
    /** The CA (PEM) of the server's certificate, if not one that this system trusts. */
    caFile: file.optional(),
    user: z.string().min(1).max(254).optional(),
    passwordFile: file.optional(),
    from: address,
    to: recipients,
  })
  .refine(({ user, passwordFile }) => (user === undefined) === (passwordFile === undefined), {
    message: 'user and passwordFile belong together',
  })
  .refine(({ user, encryption }) => user === undefined || encryption === 'required', {
    message: 'a password is sent with `encryption: required` only',
  });

const gmail = z.strictObject({
  kind: z.literal('gmail'),
  from: address,
  to: recipients,
  /** A service account may write in the name of `from` (domain-wide delegation); a person's consent is a refresh token. */
  signIn: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('service-account'), keyFile: file }),
    z.strictObject({
      kind: z.literal('refresh-token'),
      clientId: word,
      clientSecretFile: file,
      refreshTokenFile: file,
    }),
  ]),
});

const graph = z.strictObject({
  kind: z.literal('graph'),
  /** Directory (tenant) id or domain. */
  tenant: word,
  clientId: word,
  clientSecretFile: file,
  from: address,
  to: recipients,
});

const webhook = z.strictObject({
  kind: z.literal('webhook'),
  url: z.url({ protocol: /^https$/ }).max(2000),
  /** `whsec_` and 24 to 64 bytes in base64 (Standard Webhooks). */
  secretFile: file,
  caFile: file.optional(),
  /** Without it no webhook reaches this computer itself, nor addresses that are valid on one link only. */
  allowLocalAddresses: z.boolean().default(false),
});

export const syslogFacilities = {
  ...{ user: 1, mail: 2, daemon: 3, auth: 4, authpriv: 10 },
  ...{ local0: 16, local1: 17, local2: 18, local3: 19, local4: 20, local5: 21, local6: 22, local7: 23 },
} as const;

export const syslogSchema = z.strictObject({
  kind: z.literal('syslog'),
  host,
  port: port.optional(),
  /** UDP is neither encrypted nor confirmed. */
  transport: z.enum(['tls', 'udp']).default('tls'),
  caFile: file.optional(),
  facility: z.enum(Object.keys(syslogFacilities) as [keyof typeof syslogFacilities]).default('daemon'),
});

export const destinationSchema = z.discriminatedUnion('kind', [smtp, gmail, graph, webhook, syslogSchema]);
export type Destination = z.output<typeof destinationSchema>;
export type DestinationOf<Kind extends Destination['kind']> = Extract<Destination, { kind: Kind }>;

const destinationName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'small letters, digits and -');

export const notifyConfigSchema = z
  .strictObject({
    /** What this computer is called in messages. Default: its host name. */
    name: z.string().min(1).max(253).optional(),
    /** Of the times in messages and of the daily summary (IANA). Default: that of this computer. */
    timeZone: z.string().refine(isTimeZone, 'is no time zone, such as Europe/Berlin').optional(),
    destinations: z
      .record(destinationName, destinationSchema)
      .refine((all) => Object.keys(all).length >= 1 && Object.keys(all).length <= 20, 'has 1 to 20 destinations'),
    /** Default: warnings and errors of all kinds, to every destination. */
    rules: z
      .array(
        z.strictObject({
          /** Default: all kinds. */
          events: z.array(z.enum(ruleKinds)).min(1).optional(),
          atLeast: z.enum(severities).default('warning'),
          /** Names of destinations. */
          send: z.array(destinationName).min(1).max(20),
        }),
      )
      .max(50)
      .optional(),
    dailySummary: z
      .strictObject({
        /** Time of day, `07:30`. */
        at: z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'is a time of day, such as 07:30'),
        /** Default: every destination. */
        send: z.array(destinationName).min(1).max(20).optional(),
      })
      .optional(),
  })
  .superRefine((config, context) => {
    const named = [
      ...(config.rules ?? []).flatMap((rule, index) => rule.send.map((name) => ({ name, path: ['rules', index] }))),
      ...(config.dailySummary?.send ?? []).map((name) => ({ name, path: ['dailySummary'] })),
    ];
    for (const { name, path } of named)
      if (!Object.hasOwn(config.destinations, name))
        context.addIssue({ code: 'custom', path: [...path, 'send'], message: `there is no destination ${name}` });
  });
export type NotifyConfig = z.output<typeof notifyConfigSchema>;

function isTimeZone(zone: string): boolean {
  try {
    Temporal.Now.zonedDateTimeISO(zone);
    return true;
  } catch {
    // RangeError: the only thing that this can throw for a text.
    return false;
  }
}

/** What the `…File` fields of the destinations name, each once: files of a computer, or secrets that a server keeps. */
export function secretsOf({ destinations }: Pick<NotifyConfig, 'destinations'>): string[] {
  const named = (value: object): string[] =>
    Object.entries(value).flatMap(([key, content]: [string, unknown]) => {
      if (typeof content === 'object' && content !== null) return named(content);
      return key.endsWith('File') && typeof content === 'string' ? [content] : [];
    });
  return [...new Set(named(destinations))];
}

/** Each recipient of a mail is a notification of its own, so that one who is refused or put off holds up nobody. */
export function recipientsOf(destination: Destination): readonly (string | undefined)[] {
  return 'to' in destination ? destination.to : [undefined];
}
