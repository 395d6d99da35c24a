import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { renderers } from '@holdfast/contract/firewall';
import { temporaryFolder } from '@holdfast/core/testing';

/** docs/network.md: every command after `$` is run as written, in order, and prints what the page shows. */

const docs = new URL('../../../../docs/', import.meta.url).pathname;
const main = new URL('../main.mjs', import.meta.url).pathname;
const page = readFileSync(join(docs, 'network.md'), 'utf8');
const limitMs = 400_000;
/** The page shows so many commands at least, or they are not found. */
const fewestCommands = 20;

interface ShownCommand {
  readonly line: string;
  readonly shows: string;
}

test('what the page shows is what the commands print', async (t) => {
  const folder = temporaryFolder(t);
  symlinkSync(docs, join(folder, 'docs'));
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin', 'holdfast'), `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, {
    mode: 0o755,
  });
  let status = 0;
  let commands = 0;
  for (const { language, body } of blocksOf(page)) {
    const file = language === 'yaml' ? /^# (\S+)\n/.exec(body)?.[1] : undefined;
    if (file !== undefined) writeFileSync(join(folder, file), body);
    if (language !== 'console') continue;
    for (const command of commandsOf(body)) {
      const ended = await run(command, { folder, status });
      status = ended.status;
      commands += 1;
      assert.match(ended.output, patternOf(command.shows), `$ ${command.line}`);
    }
  }
  assert.ok(commands >= fewestCommands, `${commands} commands`);
});

test('output that differs from the page is noticed, also beside what it leaves out', () => {
  assert.match('one\ntwo\nthree, four\n', patternOf('one\n…\nthree, …\n'));
  assert.doesNotMatch('one\ntwo\nthree, four\n', patternOf('one\nthree, …\n'));
  assert.doesNotMatch('one\ntwo\n', patternOf('one\n'));
  assert.doesNotMatch('one\n', patternOf('one\n…\ntwo\n'));
});

test('the page has every target, in order, and says how each was checked', () => {
  const rows = [...page.matchAll(/^\|(.*)\|$/gm)].map(([, row = '']) => row.split('|').map((cell) => cell.trim()));
  const known = new Set(renderers.map(({ id }) => `\`${id}\``));
  assert.deepEqual(
    rows.filter(([, id = '']) => known.has(id)).map(([title, id]) => [title, id]),
    renderers.map(({ title, id }) => [title, `\`${id}\``]),
  );
  assert.deepEqual(
    rows.filter(([id = '']) => known.has(id)),
    renderers.map(({ id, verifiedBy }) => [`\`${id}\``, verifiedBy]),
  );
});

test('links of the page lead somewhere', () => {
  const headings = new Set(
    [...page.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^a-z0-9 -]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
  const links = [...page.matchAll(/\]\(([^)]+)\)/g)].map(([, link = '']) => link);
  assert.ok(links.length > 0);
  for (const link of links)
    assert.ok(link.startsWith('#') ? headings.has(link.slice(1)) : existsSync(join(docs, link)), link);
});

function blocksOf(text: string): readonly { readonly language: string; readonly body: string }[] {
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language = '', body = '']) => ({ language, body }));
}

function commandsOf(body: string): readonly ShownCommand[] {
  return [...body.matchAll(/^\$ (.*)\n((?:(?!\$ |root# |server\$ ).*\n)*)/gm)].map(([, line = '', shows = '']) => ({
    line,
    shows,
  }));
}

/** A line `…` stands for any lines, and at the end of a line for the rest of it. Blanks at the end of a line don't count. */
function patternOf(shown: string): RegExp {
  const lines = shown.split('\n').slice(0, -1);
  const patterns = lines.map((line) => {
    if (line === '…') return '(?:.*\\n)*';
    const isCut = line.endsWith('…');
    return `${RegExp.escape(isCut ? line.slice(0, -1) : line)}${isCut ? '.*' : ' *'}\\n`;
  });
  return new RegExp(`^${patterns.join('')}$`);
}

/** Questions get the answers that the page shows after them. */
async function run(
  { line, shows }: ShownCommand,
  { folder, status }: { readonly folder: string; readonly status: number },
): Promise<{ readonly status: number; readonly output: string }> {
  const { PATH = '', ...environment } = process.env;
  const child = spawn('sh', ['-c', `(exit ${status})\n{ ${line}\n} 2>&1`], {
    cwd: folder,
    env: {
      ...environment,
      PATH: `${join(folder, 'bin')}:${PATH}`,
      NODE_COMPILE_CACHE: join(folder, 'compiled'),
    },
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: limitMs,
  });
  let output = '';
  let shownLines = shows.split('\n');
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    output += part;
    if (!output.endsWith(': ')) return;
    const question = output.slice(output.lastIndexOf('\n') + 1);
    const index = shownLines.findIndex((one) => one.startsWith(question.trimEnd()));
    const answer = `${shownLines[index]?.slice(question.length) ?? ''}\n`;
    shownLines = shownLines.slice(index + 1);
    output += answer;
    child.stdin.write(answer);
  });
  const ended = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? -1));
  });
  return { status: ended, output };
}
