/**
 * The second net under what is told for support: the first is that nothing is told that is not listed. What has the form of a secret
 * is replaced wherever it stands, in messages of others and in lines of logs too.
 */

const replaced = '[secret]';

/** Each takes time in proportion to the text's length, whatever the text: parts of it are somebody else's. */
const forms: readonly (readonly [RegExp, string])[] = [
  // Private keys, and with them whatever else is in PEM but certificates and public keys.
  [/-----BEGIN (?!CERTIFICATE-----|PUBLIC KEY-----)[A-Z0-9 ]+-----[\s\S]*?(?:-----END [A-Z0-9 ]+-----|$)/g, replaced],
  // Tokens of ours: a prefix that names the kind, and 256 random bits.
  [/\bhf[a-z]_[A-Za-z0-9_-]{16,}/g, replaced],
  // Grants, and whatever else is a JWS or a JWT.
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*){1,3}/g, replaced],
  [/\b(Bearer|Basic|Digest|Negotiate)\s+[A-Za-z0-9+/=_.~-]{6,}/gi, `$1 ${replaced}`],
  // Secrets of webhooks, as Standard Webhooks writes them.
  [/\bwhsec_[A-Za-z0-9+/=_-]{8,}/g, replaced],
  // Secrets of one-time passwords, in base32.
  [/\b(?=[A-Z]*[2-7])[A-Z2-7]{26,}={0,6}/g, replaced],
  // Name and password in an address.
  [/(?<![a-z0-9+.-])([a-z][a-z0-9+.-]*:\/\/)[^\s/@:]*:[^\s/@]*@/gi, `$1${replaced}@`],
  // `password=…`, `"token": "…"`, `--secret …`, and their like in other programs' messages.
  [
    /((?:pass(?:word|wd|phrase)|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credential|signature)["']?\s*[=:]\s*)(?:"[^"]*"|'[^']*'|[^\s,;&}"']+)/gi,
    `$1${replaced}`,
  ],
];

/** Recovery tokens as people type them, of which hardly one has no digit. */
const typed = /\b[A-Za-z0-9]{4}(?:-[A-Za-z0-9]{4}){3}\b(?!-)/g;

/** What may be random bits in base64. What says of itself that it is a hash stays. */
const base64 = /(?<![A-Za-z0-9+/_-]|sha256:)[A-Za-z0-9+/_-]{32,}={0,2}/g;

/**
 * Upper case, lower case and digits together, or, with slashes, which paths have too, another kind of letter at every other place.
 * Names of objects and hashes are hexadecimal, ids are UUIDs: they are no secrets.
 */
function isRandom(text: string): boolean {
  const parts = text.split('/').filter((part) => !/^[0-9a-f-]{8,}$/i.test(part));
  const rest = parts.join('');
  if (rest.length < 32) return false;
  if (parts.length === 1) return /[A-Z]/.test(rest) && /[a-z]/.test(rest) && /[0-9]/.test(rest);
  let changes = 0;
  for (const part of parts)
    for (let at = 1; at < part.length; at += 1) if (kindOf(part, at) !== kindOf(part, at - 1)) changes += 1;
  return changes > 0.35 * rest.length;
}

function kindOf(text: string, at: number): string {
  const letter = text[at] ?? '';
  if (letter >= '0' && letter <= '9') return 'digit';
  if (letter >= 'a' && letter <= 'z') return 'lower';
  return letter >= 'A' && letter <= 'Z' ? 'upper' : 'other';
}

/** The text without what has the form of a secret, and without those that are given, in any common encoding. */
export function withoutSecrets(text: string, known: readonly string[] = []): string {
  let clean = text;
  for (const secret of known) clean = clean.replaceAll(secret, replaced);
  for (const [form, by] of forms) clean = clean.replaceAll(form, by);
  return clean
    .replaceAll(typed, (one) => (/\d/.test(one) ? replaced : one))
    .replaceAll(base64, (one) => (isRandom(one) ? replaced : one));
}

/** The forms in which a secret may stand in a text. */
export function formsOf(secret: string): string[] {
  if (secret.length < 6) return [];
  const bytes = Buffer.from(secret);
  return [
    ...new Set([
      secret,
      encodeURIComponent(secret),
      ...(['base64', 'base64url', 'hex'] as const).map((as) => bytes.toString(as)),
    ]),
  ];
}
