import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { roleNames, roles } from '@holdfast/contract';
import { parseTopology } from '@holdfast/contract/topology';
import type { TopologyDocument } from '@holdfast/contract/topology/schema';
import { type ExitStatus, errnoOf, exitStatus, HoldfastError, hasCode } from '@holdfast/core';
import type { RestClient } from '@holdfast/protocol';
import { stringify } from 'yaml';
import { counted, printText } from '../output.ts';

/** Writes the topology that a running server knows. */
export async function initFromServer(file: string, client: RestClient, signal: AbortSignal): Promise<ExitStatus> {
  const document = await client.call('topology', { signal });
  const hosts = Object.entries(document.hosts ?? {});
  const lacking = hosts.filter(([, { addresses }]) => addresses === undefined).map(([name]) => name);
  await writeNew(file, `${unknownToServer}${toYaml(document)}`);
  await printText(
    `${file} has ${counted(hosts.length, 'host')}, as the server knows them. What it can't know stands at its beginning.\n`,
  );
  if (lacking.length > 0)
    await printText(`Add \`addresses:\` to ${lacking.join(', ')}: the server knows none that others could use.\n`);
  return exitStatus.success;
}

const unknownToServer = `# From the inventory of a server, which does not know: name servers, mail and object storage (neighbours:), the desks of
# administrators (hosts with the role client), prefixes of zones and whether they are behind address translation (nat: true),
# and what else must stay open, such as ssh (allow:).
`;

/** Asks for zones, hosts and neighbours, each until an empty answer, and writes the topology. */
export async function initFromQuestions(file: string, signal: AbortSignal): Promise<ExitStatus> {
  using answers = new Answers(signal);
  const document = await askForTopology(answers);
  await writeNew(file, toYaml(document));
  await printText(`${file} is written. Next: holdfast ports plan ${file}\n`);
  return exitStatus.success;
}

/** Questions on standard error, answers line by line from standard input. */
class Answers implements Disposable {
  readonly #terminal: ReturnType<typeof createInterface>;
  readonly #lines: AsyncIterator<string, undefined>;
  readonly #signal: AbortSignal;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    this.#terminal = createInterface({ input: process.stdin, signal });
    this.#lines = this.#terminal[Symbol.asyncIterator]();
  }

  async ask(question: string): Promise<string> {
    process.stderr.write(`${question}: `);
    const { value } = await this.#lines.next();
    this.#signal.throwIfAborted();
    if (value !== undefined) return value.trim();
    throw new HoldfastError('usage.option', {
      message: 'The answers ended before the topology was complete; nothing was written.',
      guidance: 'Answer on a terminal, or take the inventory of a server: holdfast ports init --from-server',
    });
  }

  async list(question: string): Promise<string[]> {
    return (await this.ask(question)).split(/[\s,]+/).filter((one) => one !== '');
  }

  [Symbol.dispose](): void {
    this.#terminal.close();
  }
}

/** What was answered, before the topology's own checks have seen it. */
interface Draft {
  readonly name: string;
  readonly zones: Map<string, object>;
  readonly hosts: Map<string, object>;
  readonly neighbours: Map<string, object>;
}

async function askForTopology(answers: Answers): Promise<Draft> {
  const name = (await answers.ask('Name of the topology [main]')) || 'main';
  const draft: Draft = { name, zones: new Map(), hosts: new Map(), neighbours: new Map() };
  const { zones, hosts, neighbours } = draft;
  process.stderr.write('Zones: networks that trust each other alike. An empty name ends the list.\n');
  await askForEntries(draft, zones, {
    question: 'Zone',
    entry: async () => {
      const addresses = await answers.list('  Its prefixes, such as 10.1.0.0/16 (empty: any)');
      const isHidden = /^y/i.test(
        await answers.ask('  Behind address translation, so that nothing can dial in? [y/N]'),
      );
      return { ...(addresses.length > 0 ? { addresses } : {}), ...(isHidden ? { nat: true } : {}) };
    },
    answers,
  });
  const ours = roleNames.filter((role) => roles[role].process !== 'outside');
  process.stderr.write(`Hosts: computers that run parts of Holdfast. Roles: ${ours.join(', ')}.\n`);
  const [onlyZone = '', otherZone] = [...zones.keys()];
  await askForEntries(draft, hosts, {
    question: 'Host',
    entry: async () => ({
      zone: otherZone === undefined ? onlyZone : await answers.ask(`  Its zone (${[...zones.keys()].join(', ')})`),
      addresses: await answers.list('  Its addresses, or a prefix for many computers'),
      roles: await answers.list('  Its roles'),
    }),
    answers,
  });
  const outside = roleNames.filter((one) => roles[one].process === 'outside');
  process.stderr.write(`Neighbours: what Holdfast talks to. Roles: ${outside.join(', ')}.\n`);
  await askForEntries(draft, neighbours, {
    question: 'Neighbour',
    entry: async () => {
      const given = await answers.list('  Its roles');
      const places = await answers.list('  Its addresses or DNS names (empty for the big cloud services)');
      const names = places.filter((one) => /[a-z]/i.test(one) && !one.includes(':'));
      const addresses = places.filter((one) => !names.includes(one));
      return {
        roles: given,
        ...(addresses.length > 0 ? { addresses } : {}),
        ...(names.length > 0 ? { names } : {}),
      };
    },
    answers,
  });
  return draft;
}

/** Asks for entries until an empty name. One that makes the topology wrong is taken back, with the reason. */
async function askForEntries(
  draft: Draft,
  entries: Map<string, object>,
  o: { readonly question: string; readonly entry: () => Promise<object>; readonly answers: Answers },
): Promise<void> {
  for (;;) {
    const name = await o.answers.ask(o.question);
    const isOptional = o.question === 'Neighbour';
    if (name === '' && (entries.size > 0 || isOptional)) return;
    if (name === '' || entries.has(name)) {
      process.stderr.write(name === '' ? 'At least one is needed.\n' : `There is a ${name} already.\n`);
      continue;
    }
    entries.set(name, await o.entry());
    const wrong = mistakes(draft);
    if (wrong === '') continue;
    entries.delete(name);
    process.stderr.write(`${wrong}\nOnce more:\n`);
  }
}

/** What is wrong with the topology so far, without the places in a file that does not exist yet. */
function mistakes(draft: Draft): string {
  try {
    parseTopology(toYaml(draft));
    return '';
  } catch (error) {
    if (!hasCode(error, 'topology.invalid')) throw error;
    return error.message
      .split('\n')
      .slice(1)
      .map((line) => line.replace(/^ *topology\.yaml:\d+:\d+: /, '  '))
      .filter((line) => !line.endsWith('the topology has no hosts'))
      .join('\n');
  }
}

function toYaml(document: Draft | TopologyDocument): string {
  // A map becomes a mapping, whatever its keys.
  return stringify(document, { lineWidth: 120, flowCollectionPadding: false });
}

/** Never replaces a file: somebody may have worked on it. */
async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx' });
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    throw new HoldfastError('usage.option', {
      message:
        code === 'EEXIST' ? `${file} exists already; it is left as it is.` : `${file} can't be written: ${code}.`,
      guidance: 'Give the name of a new file.',
      cause: error,
    });
  }
}
