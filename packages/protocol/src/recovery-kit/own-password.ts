import { hkdfSync } from 'node:crypto';
import { secretOf, wordsOf } from './words.ts';

/**
 * In the zero-knowledge mode a computer has a recovery phrase of its own: fifteen words, as those of a recovery kit. The password
 * of its repositories comes from them by HKDF-SHA-256 (RFC 5869), under another label, so that a phrase is never a kit.
 */
export function passwordOfPhrase(secret: Uint8Array): string {
  return Buffer.from(hkdfSync('sha256', secret, '', 'holdfast-zero-knowledge-1 password', 32)).toString('base64url');
}

/** So many words, apart from each other, are meant as a phrase. A shorter text is the password that an administrator chose. */
const phraseWords = 15;

/** The password, from what a person typed: the words of a phrase, or the password itself. @throws kit.words */
export function ownPasswordOf(typed: string): string {
  const text = typed.trim();
  return text.split(/\s+/).length < phraseWords ? text : passwordOfPhrase(secretOf(text));
}

/** The words of a phrase, five in a line, numbered. */
export function numberedWords(secret: Uint8Array): string[] {
  const numbered = wordsOf(secret)
    .split(' ')
    .map((word, at) => `${String(at + 1).padStart(2)}. ${word.padEnd(9)}`);
  return Array.from({ length: numbered.length / 5 }, (_, line) =>
    numbered
      .slice(line * 5, line * 5 + 5)
      .join(' ')
      .trimEnd(),
  );
}
