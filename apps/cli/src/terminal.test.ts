import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { HoldfastError } from '@holdfast/core';
import { runText } from './managed/follow-run.ts';
import { printText, WorkView } from './output.ts';
import { errorText, table } from './terminal.ts';

/** Clears the screen, in both forms that there are, goes to the line before, turns writing around, and begins a line of its own. */
const hostile = 'web\u001b[2J\u009b2J\rx\u202e\nExit status: 0';
const steering = /[\p{Cc}\p{Cf}]/u;

/** What is written to a stream of this process. It goes on to where it goes, because the test's own report does. */
function written(t: TestContext, stream: NodeJS.WriteStream): () => string {
  const { mock } = t.mock.method(stream, 'write');
  return () =>
    mock.calls
      .map((call): unknown => call.arguments[0])
      .filter((one) => typeof one === 'string')
      .join('');
}

test('a cell of a table is one line whatever it holds, and as wide as it is shown', () => {
  const text = table([
    ['Host', 'State'],
    [hostile, 'online'],
    [' web', 'offline'],
  ]);
  const lines = text.split('\n');
  assert.equal(lines.length, 5, text);
  assert.doesNotMatch(lines.join(''), steering);
  assert.equal(new Set(lines.slice(2, 4).map((line) => line.search(/o(n|ff)line/))).size, 1, text);
  assert.match(text, /^ web /m);
});

test('errors keep their lines, and nothing in them steers a terminal', () => {
  const error = new HoldfastError('topology.invalid', { message: `a:\n  b: ${hostile}`, guidance: hostile });
  const text = errorText(error);
  assert.match(text, /^Error: a:\n {2}b: web \[2J 2J x \n/);
  assert.doesNotMatch(text.replaceAll('\n', ''), steering);
});

test('what computers say of a run is told on lines of its own', () => {
  const text = runText({
    ...{ id: 'r', kind: 'backup', state: 'failed', agentId: 'a', repositoryId: 'b', queuedAt: '2026-01-01T00:00:00Z' },
    ...{ degradations: [], problemCount: 1, problems: [{ code: 'source.unreadable', message: hostile }] },
    error: { code: 'channel.closed', retry: 'yes', message: hostile, guidance: hostile },
  } as unknown as Parameters<typeof runText>[0]);
  assert.doesNotMatch(text, /^Exit status/m);
  assert.doesNotMatch(text.replaceAll('\n', ''), steering);
  assert.equal(text.match(/web \[2J/g)?.length, 3, text);
});

test('notes, problems and texts are written plainly', async (t) => {
  const view = new WorkView({});
  const [told, printed] = [written(t, process.stderr), written(t, process.stdout)];
  view.note(`Warning: agent 1 did not answer: ${hostile}`);
  view.problem(new HoldfastError('channel.closed', { message: hostile }));
  await printText(`Job ${hostile} is deleted.\n`);
  assert.doesNotMatch(`${told()}${printed()}`.replaceAll('\n', ''), steering);
  assert.match(told(), /^Warning: web \[2J 2J x Exit status: 0 \(channel\.closed\)$/m);
  assert.match(printed(), /^Job web/);
});
