import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { errnoOf, HoldfastError } from '@holdfast/core';
import type { SecondFactorProof } from '@holdfast/protocol';
import { resolvePath } from '../data-directory.ts';
import { canPrompt, promptPassword } from '../stand-alone/password-prompt.ts';

interface Question {
  readonly question: string;
  /** A file that holds the answer. */
  readonly file: string | undefined;
  /** The option that names the file, for messages. */
  readonly option: string;
  readonly signal: AbortSignal;
}

/** A secret from a file, or typed by the person. */
export async function askSecret({ question, file, option, signal }: Question): Promise<string> {
  if (file === undefined) {
    if (canPrompt()) return promptPassword(question, signal);
    throw new HoldfastError('usage.option', {
      message: `There is no terminal to ask on: ${question.replace(/: $/, '')}.`,
      guidance: `Give ${option} with a file that holds it.`,
    });
  }
  const path = resolvePath(file);
  try {
    return (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    throw new HoldfastError('usage.option', {
      message: `${path} could not be read (${errnoOf(error) ?? String(error)}).`,
      cause: error,
    });
  }
}

/** A new password, typed twice, or from a file. */
export async function askNewPassword(o: Omit<Question, 'question'>): Promise<string> {
  const password = await askSecret({ ...o, question: 'New password (12 characters or more): ' });
  if (o.file === undefined && (await promptPassword('The same again: ', o.signal)) !== password)
    throw new HoldfastError('usage.option', { message: 'The two passwords differ.', guidance: 'Try again.' });
  return password;
}

/** A code of an authenticator or a recovery code, as a proof. */
export async function askProof(code: string | undefined, signal: AbortSignal): Promise<SecondFactorProof> {
  if (code === undefined && !canPrompt())
    throw new HoldfastError('usage.option', {
      message: 'A code of the authenticator is needed, and there is no terminal to ask on.',
      guidance: 'Give it with --code; `holdfast account confirm --code` does so for the actions that follow.',
    });
  const text = (code ?? (await promptPassword('Code of the authenticator, or a recovery code: ', signal))).trim();
  return /^\d{6}$/.test(text) ? { kind: 'totp', code: text } : { kind: 'recovery-code', code: text };
}

/** For somebody else, who changes it at the first sign-in: 120 random bits. */
export function newFirstPassword(): string {
  return randomBytes(15).toString('base64url');
}
