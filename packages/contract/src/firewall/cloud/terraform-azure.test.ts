import assert from 'node:assert/strict';
import { isIPv4 } from 'node:net';
import { suite, test } from 'node:test';
import fc from 'fast-check';
import type { Plan, PlannedHost } from '../../plan/plan.ts';
import { arbitraryPlan } from '../../testing/arbitrary-plan.ts';
import {
  type Attributes,
  assertRemoves,
  compareSides,
  inPortTexts,
  readTerraform,
  type SideRules,
  type Terraform,
  text,
  texts,
} from '../../testing/host-sides.ts';
import { skipUnlessPython } from '../../testing/python.ts';
import { contentOf, renderNow } from '../../testing/rendering.ts';
import { samplePlan } from '../../testing/sample-plan.ts';
import { contains } from '../../testing/traffic.ts';
import { terraformAzure } from './terraform-azure.ts';

const [server, , , web] = samplePlan.hosts;
const [flow] = samplePlan.flows;
assert.ok(server && web && flow);

suite('Terraform for Azure', { skip: skipUnlessPython('pygohcl') }, () => {
  test('each host may send and get exactly what is planned', () => {
    const [parsed] = readTerraform([contentOf(renderNow(terraformAzure, samplePlan).files)]);
    compareSides(samplePlan, reader(parsed));
  });

  test('so it may in any plan with any names', () => {
    const plans = fc.sample(arbitraryPlan, { numRuns: 30, seed: 2 });
    const parsed = readTerraform(plans.map((plan) => contentOf(renderNow(terraformAzure, plan).files)));
    for (const [index, plan] of plans.entries()) compareSides(plan, reader(parsed[index]));
  });

  test('the removal destroys exactly what was made', () => {
    const { files, removal } = renderNow(terraformAzure, samplePlan);
    const [applied, removed] = readTerraform([contentOf(files), contentOf(removal)]);
    assert.ok(applied && removed);
    assertRemoves(removed, applied);
  });

  test('with `leave` nothing is denied', () => {
    const [parsed] = readTerraform([contentOf(renderNow(terraformAzure, samplePlan, { otherwise: 'leave' }).files)]);
    assert.equal(
      parsed?.resources.some(({ attributes }) => attributes['access'] === 'Deny'),
      false,
    );
  });

  test('more rules or addresses than a group takes are errors', () => {
    const sources = (count: number): readonly PlannedHost[] => [
      {
        ...web,
        managed: false,
        addresses: Array.from({ length: count }, (_, index) => `10.20.${index >> 7}.${(index & 127) * 2}`),
      },
    ];
    const planOf = (from: readonly PlannedHost[], flows: number): Plan => ({
      ...samplePlan,
      hosts: [...from, server],
      flows: Array.from({ length: flows }, (_, index) => ({ ...flow, id: `${index}`, from, to: [server] })),
    });
    assert.doesNotThrow(() => renderNow(terraformAzure, planOf(sources(4000), 1)));
    assert.throws(() => renderNow(terraformAzure, planOf(sources(4001), 1)), { code: 'plan.inexpressible' });
    assert.doesNotThrow(() => renderNow(terraformAzure, planOf(sources(1), 998)));
    assert.throws(() => renderNow(terraformAzure, planOf(sources(1), 999)), { code: 'plan.inexpressible' });
  });
});

interface Rule {
  readonly group: string;
  readonly priority: number;
  readonly attributes: Attributes;
}

/** What Azure's documentation says: the rule with the lowest priority that matches decides; its own last ones are not reached. */
function reader(parsed: Terraform | undefined): SideRules {
  assert.ok(parsed);
  const priorities = new Set<string>();
  const rules = parsed.resources.flatMap(({ type, label, attributes }): readonly Rule[] => {
    assert.match(label, /^[A-Za-z_][A-Za-z0-9_-]*$/);
    assert.match(text(attributes['name']), /^[A-Za-z0-9][A-Za-z0-9._-]{0,78}[A-Za-z0-9_]$/);
    if (type === 'azurerm_network_security_group') return [];
    const priority = Number(attributes['priority']);
    assert.ok(priority >= 100 && priority <= 4096);
    assert.ok(text(attributes['description']).length <= 140);
    const group = text(attributes['network_security_group_name']).replace(/\.name$/, '.id');
    const key = `${group} ${text(attributes['direction'])} ${priority}`;
    assert.ok(!priorities.has(key), `a priority twice: ${key}`);
    priorities.add(key);
    return [{ group, priority, attributes }];
  });
  rules.sort((left, right) => left.priority - right.priority);
  const matches = (attributes: Attributes, end: 'source' | 'destination', address: string | undefined): boolean => {
    const [one, many] = [attributes[`${end}_address_prefix`], attributes[`${end}_address_prefixes`]];
    if (one !== undefined) return one === '*' && many === undefined;
    const prefixes = texts(many);
    assert.equal(
      new Set(prefixes.map((prefix) => isIPv4(prefix.split('/')[0] ?? ''))).size,
      1,
      'families are not mixed',
    );
    return address === undefined || contains(prefixes, address);
  };
  return {
    allows(direction, host, peer, { transport, port }) {
      const group = parsed.output[host.name.normalize()];
      const decisive = rules.find(({ group: ruleGroup, attributes }) => {
        if (ruleGroup !== group || attributes['direction'] !== (direction === 'in' ? 'Inbound' : 'Outbound'))
          return false;
        const protocol = text(attributes['protocol']).toLowerCase();
        if (protocol !== '*' && protocol !== transport) return false;
        const ports = attributes['destination_port_ranges'];
        if (ports === undefined) assert.equal(attributes['destination_port_range'], '*');
        else if (!inPortTexts(texts(ports), port)) return false;
        assert.equal(attributes['source_port_range'], '*');
        const [source, destination] = direction === 'in' ? [peer.address, undefined] : [undefined, peer.address];
        return matches(attributes, 'source', source) && matches(attributes, 'destination', destination);
      });
      assert.ok(decisive, 'a rule of ours decides');
      return decisive.attributes['access'] === 'Allow';
    },
  };
}
