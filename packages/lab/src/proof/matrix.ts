import type { Cell, Proof } from './proof.ts';

const marks = { passed: '✓', degraded: '◐', failed: '✗' } as const;

/**
 * The proof for people, as Markdown: what was run, and one table of rules by scenarios. A cell that is not as the contract says
 * stands in bold with an exclamation mark, and is explained below.
 */
export function renderMatrix(proof: Proof): string {
  const columns = proof.scenarios.map((_, index) => `${index + 1}`);
  const wrong = [
    ...proof.sufficient.filter(({ holds }) => !holds).map((cell) => ({ closed: 'nothing', cell })),
    ...proof.necessary.flatMap(({ closed, cells }) =>
      cells.filter(({ holds }) => !holds).map((cell) => ({ closed: closed.join(' and '), cell })),
    ),
  ];
  return `${[
    `# Proof of the rules for ${text(proof.topology)}`,
    `Made on ${proof.startedAt.slice(0, 10)}. ${verdict(proof)}`,
    `Every scenario was run with exactly the ${proof.rules.length} planned rules on all computers, everything else dropped in both directions, and again with rules taken away: alone, and together with what the contract says stands in for it.`,
    '## Scenarios',
    proof.scenarios
      .map(
        ({ id, needs }, index) =>
          `${index + 1}. ${text(id)} (${[...new Set(needs.flatMap(({ features }) => features))].join(', ')})`,
      )
      .join('\n'),
    '## What becomes of them',
    `${marks.passed} passes · ${marks.degraded} works over what stands in, with a warning that names the closed channel · ${marks.failed} fails with an error that names the closed channel.`,
    table([
      ['closed', ...columns],
      ['nothing', ...proof.sufficient.map(mark)],
      ...proof.necessary.map(({ closed, cells }) => [closed.map((id) => code(id)).join(' and '), ...cells.map(mark)]),
    ]),
    ...(proof.notProven.length === 0
      ? []
      : [
          `Not proven, because nobody in the lab uses it, and left out of its rules: ${proof.notProven.map((id) => code(id)).join(', ')}.`,
        ]),
    ...(proof.unused.length === 0
      ? ['Every rule was used: the counters of the firewalls show packets for each.']
      : [
          '## Rules that nothing used',
          list(proof.unused.map(({ host, chain, rule }) => `${host}, ${chain}: ${text(rule)}`)),
        ]),
    ...(proof.notClosed.length === 0
      ? []
      : [`Never taken away, and so not shown to be needed: ${proof.notClosed.map((id) => code(id)).join(', ')}.`]),
    ...(proof.needless.length === 0
      ? []
      : [
          '## Needed by nothing',
          list(proof.needless.map(({ rule, from, to }) => `${code(rule)}, from ${text(from)} to ${text(to)}`)),
        ]),
    ...(wrong.length === 0
      ? []
      : [
          '## Not as the contract says',
          list(
            wrong.map(
              ({ closed, cell }) => `without ${text(closed)}, ${text(cell.scenario)}: ${text(difference(cell))}`,
            ),
          ),
        ]),
  ].join('\n\n')}\n`;
}

function verdict({ holds, notClosed }: Proof): string {
  if (holds && notClosed.length > 0)
    return 'The rules are **enough**: with them everything works. Of those that were taken away each is **needed**.';
  return holds
    ? 'The rules are **enough**: with them everything works; and **needed**: without any one of them, exactly what the contract says stops or falls back.'
    : '**The proof does not hold**: see below.';
}

function mark({ outcome, holds }: Cell): string {
  return holds ? marks[outcome.kind] : `**${marks[outcome.kind]}!**`;
}

/** What was expected of a scenario, and what happened, in a sentence. */
export function difference({ expected, outcome }: Cell): string {
  const wanted =
    expected.kind === 'passed' ? 'should pass' : `should be ${expected.kind}, naming ${expected.blocked.join(' or ')}`;
  switch (outcome.kind) {
    case 'passed':
      return `${wanted}; it passed`;
    case 'degraded':
      return `${wanted}; it fell back from ${outcome.blocked.join(', ')}`;
    case 'failed':
      return `${wanted}; it failed: ${outcome.message.slice(0, 500)}`;
  }
}

function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const rule = head.map((_, column) => (column === 0 ? '---' : ':-:'));
  return [head, rule, ...body].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join('\n');
}

/** In a code span nothing is markup but its end, and in a table a bar. */
function code(value: string): string {
  return `\`${value.replaceAll(/[\s`]+/g, ' ').replaceAll('|', '\\|')}\``;
}

/** Names come from the topology, messages from programs: neither may become markup. */
function text(value: string): string {
  return value.replaceAll(/\s+/g, ' ').replaceAll(/[\\`*_[\]<>|]/g, (character) => `\\${character}`);
}
