import { type ErrorReport, type ExitStatus, exitStatus, HoldfastError, systemClock } from '@holdfast/core';
import type { FleetWorkView } from '@holdfast/protocol';
import type { ServerWork } from '../managed/perform-with-server.ts';
import { type OutputOptions, printJson, printText, shownTime } from '../output.ts';
import { table } from '../terminal.ts';
import type { FleetWorkChoice } from './fleet-choice.ts';

/** How often a server is asked how far it is. */
const pollMs = 500;

/** How a server is asked for checks, or for audits, of its fleet. */
export interface FleetWorkCalls<Result> {
  readonly what: 'check' | 'audit';
  /** `pairs of computers`. */
  readonly units: string;
  readonly begin: () => Promise<FleetWorkView>;
  readonly all: () => Promise<readonly FleetWorkView[]>;
  readonly look: (id: string) => Promise<FleetWorkView>;
  readonly cancel: (id: string) => Promise<FleetWorkView>;
  readonly page: (id: string, after: number) => Promise<Page<Result>>;
  /** Prints how it ended, and what it has found. */
  readonly show: (ended: FleetWorkView, results: readonly Result[]) => Promise<void>;
}

interface Page<Result> {
  readonly results: readonly Result[];
  readonly next?: number | undefined;
}

interface Asked {
  readonly choice: FleetWorkChoice;
  readonly options: OutputOptions;
  readonly work: Pick<ServerWork, 'signal' | 'view'>;
}

/** Begins a check or an audit and shows it to its end, or does what was chosen with those that there are. */
export async function fleetWork<Result>(calls: FleetWorkCalls<Result>, o: Asked): Promise<ExitStatus> {
  const { list, follow, cancel } = o.choice;
  if (list) return await listWorks(calls, o);
  if (cancel !== undefined) return await cancelWork(calls, cancel, o);
  const ended = await watch(follow === undefined ? await calls.begin() : await choose(calls, follow), calls, o);
  const results: Result[] = [];
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: Page<Result> = await calls.page(ended.id, after);
    results.push(...page.results);
    after = page.next;
  }
  await calls.show(ended, results);
  // What it found until then is no less true.
  if (ended.error) throw HoldfastError.fromReport(ended.error as ErrorReport);
  if (ended.failures > 0) return exitStatus.failed;
  return ended.warnings > 0 || ended.unchecked > 0 ? exitStatus.incomplete : exitStatus.success;
}

/** Looks at it until it has ended. Ctrl-C ends at the server what this command began. */
async function watch<Result>(
  started: FleetWorkView,
  { what, units, look, cancel }: FleetWorkCalls<Result>,
  { choice, options, work: { signal, view } }: Asked,
): Promise<FleetWorkView> {
  const isOurs = choice.follow === undefined;
  const { id } = started;
  if (isOurs && !options.json && !options.quiet) view.note(`This is ${what} ${id}.`);
  let now = started;
  try {
    while (now.state === 'running') {
      const wrong = now.failures > 0 ? `, ${now.failures} with a failure` : '';
      view.status(`${now.done} of ${now.total} ${units} done${wrong}`);
      await systemClock.sleep(pollMs, signal);
      now = await look(id);
    }
  } catch (error) {
    if (signal.aborted && isOurs) await cancel(id);
    else view.note(`The ${what} goes on. ${howToGoOn(what, id)}`);
    throw error;
  }
  view.done();
  return now;
}

function howToGoOn(what: string, id: string): string {
  const command = `holdfast ports ${what} --fleet`;
  return `\`${command} --follow ${id}\` shows it again, \`${command} --cancel ${id}\` ends it.`;
}

async function listWorks<Result>({ what, all }: FleetWorkCalls<Result>, { options }: Asked): Promise<ExitStatus> {
  const works = await all();
  const rows = works.map(({ id, state, startedAt, done, total, failures, warnings, unchecked }) => [
    ...[id, state, shownTime(startedAt), `${done} of ${total}`],
    ...[failures, warnings, unchecked].map(String),
  ]);
  const heading = ['Id', 'State', 'Started', 'Done', 'Failures', 'Warnings', 'Not done'];
  if (options.json) await printJson({ kind: `ports-fleet-${what}s`, [`${what}s`]: works });
  else if (works.length === 0) await printText(`No ${what} since the server started.\n`);
  else await printText(table([heading, ...rows], { right: [4, 5, 6] }));
  return exitStatus.success;
}

async function cancelWork<Result>(
  calls: FleetWorkCalls<Result>,
  given: string | true,
  { options }: Asked,
): Promise<ExitStatus> {
  const { what } = calls;
  const { id, state } = await choose(calls, given);
  const now = state === 'running' ? await calls.cancel(id) : await calls.look(id);
  const become = state === 'running' ? 'is being cancelled' : `has ended already (${state})`;
  if (options.json) await printJson({ kind: `ports-fleet-${what}`, [what]: now });
  else await printText(`The ${what} ${id} ${become}.\n`);
  return exitStatus.success;
}

/** The newest is the first. */
async function choose<Result>({ what, all }: FleetWorkCalls<Result>, given: string | true): Promise<FleetWorkView> {
  const works = await all();
  const found = given === true ? works.slice(0, 1) : works.filter(({ id }) => id.startsWith(given.toLowerCase()));
  const [only, another] = found;
  if (only && !another) return only;
  const which = given === true ? '' : ` ${given}`;
  throw new HoldfastError(another ? 'usage.option' : 'request.missing', {
    message: another
      ? `${found.length} ${what}s have ids that begin with${which}.`
      : `The server has had no ${what}${which} since it started.`,
    guidance: `\`holdfast ports ${what} --fleet --list\` prints them.`,
  });
}
