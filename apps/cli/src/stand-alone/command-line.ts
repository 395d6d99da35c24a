import { HoldfastError } from '@holdfast/core';

/** Splits a command into program and arguments as restic does: at white space, quotes of both kinds keep it, `\` quotes one character outside single quotes. */
export function splitCommand(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let at = 0; at < line.length; at += 1) {
    const char = line.charAt(at);
    if (char === '\\' && quote !== "'") {
      at += 1;
      word = (word ?? '') + line.charAt(at);
    } else if (char === quote) quote = undefined;
    else if (quote === undefined && (char === '"' || char === "'")) {
      quote = char;
      word ??= '';
    } else if (quote === undefined && /\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + char;
  }
  if (quote !== undefined)
    throw new HoldfastError('usage.option', { message: 'The password command has a quote that is not closed.' });
  if (word !== undefined) words.push(word);
  return words;
}
