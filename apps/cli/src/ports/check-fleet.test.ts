import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CheckResult } from '@holdfast/protocol';
import { checkText } from './check-fleet.ts';

const nothing = { failures: 0, warnings: 0, unchecked: 0, notes: [] };
/** With what would mean something in a replacement. */
const asked = { topology: "site-$&-$'.yaml", isQuiet: false };

function result(change: Partial<CheckResult>): CheckResult {
  return {
    ...{ from: 'web', to: 'store', address: '10.1.0.11', outcome: 'open', how: 'service', tried: 1 },
    ...{ firstPort: 6162, lastPort: 6162, channels: ['agent-to-mover-transport'], diagnoses: [] },
    ...change,
  };
}

const dropped: CheckResult['diagnoses'] = [
  { diagnosis: { kind: 'dropped' }, isFailure: true, cause: 'No answer: a firewall drops it, or the host is down.' },
];

test('a thousand computers with the same results are a few lines, with the rule of some', () => {
  const results = Array.from({ length: 1_000 }, (_, n) => `web-${n}`).flatMap((name, n) => [
    result({ from: name }),
    result({ from: 'server', to: name, address: `10.2.0.${n}`, channels: ['server-to-mover'] }),
    result({
      ...{
        from: name,
        firstPort: 2500,
        lastPort: 3300,
        tried: 5,
        channels: ['agent-to-mover-data'],
        outcome: 'failed',
      },
      ...{
        diagnoses: dropped,
        rule: `tcp 2500-3300 from ${name}`,
        why: 'holdfast ports plan TOPOLOGY --why store:2500',
      },
    }),
  ]);
  const text = checkText({ ...nothing, failures: 1_000 }, results, asked);
  const lines = text.split('\n');
  assert.ok(lines.length < 20, text);
  assert.match(
    text,
    /^web-0, web-1, web-2 and 997 more +store +10\.1\.0\.11 +6162 +open, its service answers +agent-to-mover-transport$/m,
  );
  assert.match(text, /^server +web-0, web-1, web-2 and 997 more +6162 +open, its service answers +server-to-mover$/m);
  assert.match(text, /^web-0, web-1, web-2 and 997 more -> store 10\.1\.0\.11 2500-3300 \(5 tried\): No answer: /m);
  assert.match(text, /^ {2}The rule: tcp 2500-3300 from web-0$/m);
  assert.match(text, /^ {2}… and 997 more like it/m);
  assert.match(text, /^ {2}Why: holdfast ports plan site-\$&-\$'\.yaml --why store:2500$/m);
  assert.match(text, /^7,000 ports tried, 1000 results with a failure, 0 with a warning\.$/m);
});

test('what was not checked says why; quietly, only what is not open is shown; nothing at all is said in words', () => {
  const results = [
    result({}),
    result({ from: 'db', outcome: 'unchecked', tried: 0, reason: 'the agent is not there' }),
  ];
  const text = checkText({ ...nothing, unchecked: 1 }, results, { ...asked, isQuiet: true });
  assert.doesNotMatch(text, /^web /m);
  assert.match(text, /^db -> store 10\.1\.0\.11 6162: Not checked: the agent is not there\.$/m);
  assert.match(text, /1 port tried, 0 results with a failure, 0 with a warning, 1 not checked\.$/m);
  assert.match(checkText(nothing, [], asked), /^Nothing to try: /);
});
