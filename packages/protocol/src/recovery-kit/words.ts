import { HoldfastError } from '@holdfast/core';
import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';

/** 160 random bits, and 5 that check them. */
const words = 15;
/** The first four letters of each word of the list are its own. */
const tellingLetters = 4;
const byBeginning = new Map(wordlist.map((word) => [word.slice(0, tellingLetters), word]));

/** What a recovery kit is made of, as words of BIP-39's English list: they can be read over a telephone and typed. */
export function wordsOf(secret: Uint8Array): string {
  return entropyToMnemonic(secret, wordlist);
}

/**
 * The secret that the words say. Upper case, numbering and punctuation don't matter, and four letters of a word are enough.
 * @throws kit.words, with the number of the word that is wrong where that can be told
 */
export function secretOf(typed: string): Uint8Array {
  const given = typed
    .normalize('NFKD')
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word !== '');
  const known = given.map((word, at) => wordOf(word) ?? unknown(word, at));
  if (known.length !== words)
    throw new HoldfastError('kit.words', { message: `A recovery kit has ${words} words; these are ${known.length}.` });
  try {
    return mnemonicToEntropy(known.join(' '), wordlist);
  } catch (cause) {
    throw new HoldfastError('kit.words', {
      message:
        'Each word is one of the list, but together they are no recovery kit: one is another, or two are in each other’s place.',
      cause,
    });
  }
}

function wordOf(typed: string): string | undefined {
  const word = byBeginning.get(typed.slice(0, tellingLetters));
  return word?.startsWith(typed) ? word : undefined;
}

function unknown(word: string, at: number): never {
  // Only its number: what was typed is part of a secret.
  throw new HoldfastError('kit.words', {
    message: `Word ${at + 1} (${word.length} letters) is not in the list of words.`,
  });
}
