/** `npm run bench:console [-- options]`: how long people wait who look into backups, and at the lists of a large fleet. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { measureBrowsing } from './browse.ts';
import { startLargeFleet } from './large-fleet.ts';
import { measureLists } from './measure-lists.ts';
import { measurePages } from './measure-pages.ts';
import { renderPages, renderTimings } from './report.ts';

const parts = ['browse', 'lists', 'pages'];
const usage = `usage: npm run bench:console [-- options]
Folders of backups over the REST API, lists of a large fleet, and pages of the console in Chromium: servers, mover, agent and
executor are processes of their own on this computer. docs/console-benchmark.md says what is measured.

  --parts LIST      of ${parts.join(', ')} (default: all; pages need Chromium and a built console)
  --entries N       files of the folder that is browsed (default: 100000)
  --computers N     computers of the fleet (default: 10000)
  --runs N          runs in its past (default: 300000)
  --rounds N        how often (default: 5)
  --help`;

process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      parts: { type: 'string', default: parts.join(',') },
      entries: { type: 'string', default: '100000' },
      computers: { type: 'string', default: '10000' },
      runs: { type: 'string', default: '300000' },
      rounds: { type: 'string', default: '5' },
      help: { type: 'boolean', default: false },
    },
  });
  const chosen = values.parts.split(',');
  const [entries, computers, runs, rounds] = [values.entries, values.computers, values.runs, values.rounds].map(Number);
  const numbers = [entries, computers, runs, rounds];
  const isRight = numbers.every((one) => Number.isInteger(one) && Number(one) > 0) && chosen.every(isPart);
  if (values.help || !isRight) {
    console.log(usage);
    return values.help ? 0 : 2;
  }
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  const say = (text: string): void => console.error(text);
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-console-'));
  try {
    const { signal } = interrupted;
    if (chosen.includes('browse')) {
      const timings = await measureBrowsing({ folder, entries: entries ?? 0, rounds: rounds ?? 0, signal, say });
      console.log(renderTimings(`a folder of ${values.entries} entries`, timings));
    }
    if (chosen.includes('lists') || chosen.includes('pages')) {
      say(`making a catalogue of ${values.computers} computers and ${values.runs} runs`);
      await using fleet = await startLargeFleet(join(folder, 'fleet'), { computers: computers ?? 0, runs: runs ?? 0 });
      const measured = { client: fleet.client, rounds: rounds ?? 0 };
      if (chosen.includes('lists'))
        console.log(renderTimings('lists', await measureLists({ ...measured, server: fleet.pid })));
      if (chosen.includes('pages')) {
        const { timings, firstViewScriptBytes } = await measurePages({ ...fleet, rounds: rounds ?? 0 });
        console.log(renderPages('pages', timings));
        console.log(`Script of the first view, compressed: ${(firstViewScriptBytes / 1024).toFixed(0)} KiB.`);
      }
    }
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function isPart(name: string): boolean {
  return parts.includes(name);
}
