import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type HostRule, hostRules, planTopology } from '@holdfast/contract/plan';
import { parseTopology } from '@holdfast/contract/topology';
import { auditRequestOf, planOfAudit } from './audit-plan.ts';
import { auditRequest } from './port-messages.ts';

const example = new URL('../../../docs/examples/topology.yaml', import.meta.url);

test('the rules of each host of a plan arrive as they are', () => {
  const plan = planTopology(parseTopology(readFileSync(example, 'utf8')));
  const all = hostRules(plan);
  assert.ok(all.length > 5);
  for (const rules of all) {
    const sent = auditRequestOf(rules, { otherwise: 'drop', unused: true });
    const { plan: arrived, host } = planOfAudit(auditRequest.parse(JSON.parse(JSON.stringify(sent))));
    assert.equal(host.name, rules.host.name);
    const [found, another] = hostRules(arrived);
    assert.equal(found?.host, host);
    assert.equal(another, undefined);
    // What an audit looks at.
    const shown = ({ flow, transport, ports, peers }: HostRule) => ({
      ...{ transport, ports, leased: flow.leased, origin: flow.origin, channels: flow.channels },
      ...{ reasons: flow.reasons, fallbackFor: flow.fallbackFor },
      peers: peers.map(({ name, addresses }) => ({ name, addresses })),
    });
    assert.deepEqual(found?.incoming.map(shown), rules.incoming.map(shown));
    assert.deepEqual(found?.outgoing.map(shown), rules.outgoing.map(shown));
  }
});
