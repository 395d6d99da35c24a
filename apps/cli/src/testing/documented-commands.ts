import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the pages of the documentation tell people to type. */

function textOf(page: string): string {
  return readFileSync(join(import.meta.dirname, '../../../../docs', page), 'utf8');
}

/** Lines of the page's consoles, without their prompts; or what follows another beginning of a line. */
export function documented(page: string, prompt = '$ '): string[] {
  const lines = textOf(page).replaceAll('\\\n', ' ').split('\n');
  return lines.flatMap((line) => (line.startsWith(prompt) ? [line.slice(prompt.length)] : []));
}

/** The page's first block in a language. */
export function blockOf(page: string, language: string): string {
  const [, block] = new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'm').exec(textOf(page)) ?? [];
  if (block === undefined) throw new Error(`docs/${page} has no block of ${language}`);
  return block;
}

/** As a shell takes a line apart that has quotes and a comment. */
export function wordsOf(line: string): string[] {
  return [...line.replace(/ +# .*/, '').matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, plain]) => single ?? double ?? plain ?? '',
  );
}
