/** The network in the web console: Debian's Chromium, and a real server with the mover and agent of one computer. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { skipUnless } from '@holdfast/core/testing';
import { holdfastProgram } from '../lab/lab-needs.ts';
import { waitUntil } from '../system/one-computer.ts';
import { WatchedPage } from './browser.ts';
import { ConsoleSystem } from './console-system.ts';

const password = 'a calm green harbour';
const commandLimitMs = 120_000;
/** The narrowest. */
const phone = 320;

test('the network: the map, an opening, checks, another topology, rules to take away, and a proof', {
  skip: skipUnless({ programs: ['chromium'], platform: 'linux' }),
}, async (t) => {
  const system = await ConsoleSystem.start(t);
  await system.joinComputer();
  await system.startComputer();
  // Everything runs on this one computer, between whose programs nothing has to be opened: they are told apart.
  tellApart(join(system.folder, 'server', 'catalogue.sqlite'));
  await system.addPerson('alice', 'administrator', password);
  const watched = await WatchedPage.open(t, system.origin);
  const { page } = watched;
  const heading = (name: string) => page.getByRole('heading', { level: 1, name });
  const region = (name: string | RegExp) => page.getByRole('region', { name, exact: true });
  const signIn = async (name: string): Promise<void> => {
    await page.getByRole('textbox', { name: 'Name' }).fill(name);
    await page.getByRole('textbox', { name: 'Password' }).fill(password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  };
  const mapNow = () => system.call((client) => client.call('networkMap', {}));
  const topology = await system.call((client) => client.call('topology', {}));
  const map = await mapNow();
  const [ownHost = ''] = map.nodes.flatMap(({ hosts }) => hosts.map(({ name }) => name));
  await page.goto(system.origin);
  await signIn('alice');

  await t.test('the map has every zone and host of the plan', async () => {
    await page.getByRole('navigation').getByRole('link', { name: 'Network' }).click();
    await heading('Network').waitFor();
    const drawing = page.getByRole('application', { name: 'Map' });
    for (const { hosts } of map.nodes)
      await drawing
        .getByRole('button', { name: new RegExp(`^${hosts[0]?.name ?? ''} `) })
        .first()
        .waitFor();
    for (const { zone } of map.nodes) await drawing.getByText(zone, { exact: true }).first().waitFor();
    await watched.checkAccessibility('network');
  });

  await t.test(
    'what is open between two hosts says why, for which rows, when it was used and how the last check went',
    async () => {
      // With the keyboard alone: a host, one of its openings, and back to where it began.
      const host = page.getByRole('button', { name: new RegExp(`^${ownHost} `) });
      await host.focus();
      await page.keyboard.press('Enter');
      await region(ownHost).getByRole('listitem').getByRole('button').first().focus();
      await page.keyboard.press('Enter');
      await region('Opening').waitFor();
      await page.locator(':focus:has(section)').waitFor();
      for (const shown of [region('Opening'), region(ownHost)]) {
        await shown.getByRole('button', { name: 'Close' }).focus();
        await page.keyboard.press('Enter');
        await shown.waitFor({ state: 'detached' });
      }
      await page.locator('button:focus[aria-pressed]').getByText(ownHost, { exact: true }).waitFor();
      // The line between two.
      await page
        .getByRole('button', { name: /^Between / })
        .first()
        .click();
      await page.getByRole('region', { name: / – |^Opening$/ }).waitFor();
      const [flow] = map.flows.filter(({ rows, lastUsedAt }) => rows.length > 0 && lastUsedAt !== undefined);
      assert.ok(flow, 'an opening of a row that was used');
      await page.goto(`${system.origin}/network?view=map&flow=${encodeURIComponent(flow.id)}`);
      const details = region('Opening');
      for (const { purpose } of flow.channels) await details.getByText(purpose, { exact: true }).waitFor();
      for (const { stops } of flow.features) await details.getByText(stops, { exact: true }).waitFor();
      for (const row of flow.rows) await details.getByText(row, { exact: true }).waitFor();
      await details.getByText('Not tried', { exact: true }).waitFor();
      assert.ok(await details.locator('time').count(), 'when it was used last');
      await details.getByRole('button', { name: 'Check this opening' }).click();
      await details.getByText('Not tried', { exact: true }).waitFor({ state: 'detached' });
      const { flows } = await mapNow();
      assert.deepEqual(
        flows.filter(({ check }) => check).map(({ id }) => id),
        [flow.id],
      );
      await watched.checkAccessibility('opening');
      await watched.checkNarrow('opening', phone);
      await details.getByRole('button', { name: 'Close' }).click();
      await details.waitFor({ state: 'detached' });
    },
  );

  await t.test(
    'by feature, only what it needs is left; the table has the same, and comes first on a phone',
    async () => {
      await page.setViewportSize({ width: 375, height: 812 });
      await page.goto(`${system.origin}/network`);
      const table = page.getByRole('table', { name: 'Table' });
      await table.getByRole('link').first().waitFor();
      assert.equal(await table.getByRole('link').count(), map.flows.length);
      const [feature] = map.features;
      const needed = map.flows.filter(({ features }) => features.some(({ id }) => id === feature?.id));
      await page.getByRole('combobox', { name: 'Feature' }).selectOption(feature?.id ?? '');
      await page
        .getByRole('status')
        .getByText(new RegExp(`^${needed.length} opening`))
        .waitFor();
      assert.equal(await table.getByRole('link').count(), needed.length);
      assert.equal(new URL(page.url()).searchParams.get('feature'), feature?.id);
      await table.getByRole('link').first().click();
      // It lies below the table, and comes into sight.
      await region('Opening').getByRole('button', { name: 'Close' }).waitFor();
      await waitUntil('it is in sight', async () => (await page.evaluate('scrollY > 0')) === true);
      await page.setViewportSize({ width: 1280, height: 800 });
    },
  );

  await t.test('a check and an audit are run and followed to their end, and say where computers differ', async () => {
    await page.goto(`${system.origin}/network`);
    const check = region('Check of the openings');
    await check.getByRole('button', { name: 'Check all openings' }).click();
    await check.getByRole('button', { name: 'Check all openings' }).waitFor();
    const audit = region('What the computers have open');
    await audit.getByText(/Not looked at/).waitFor();
    await audit.getByRole('button', { name: /^Compare/ }).click();
    await audit.getByRole('table').waitFor();
    const after = await mapNow();
    assert.equal(after.check?.state, 'finished');
    const findings = after.audit?.drift.flatMap((host) => host.findings) ?? [];
    assert.ok(findings.length > 0);
    for (const { message } of findings) await audit.getByText(message, { exact: true }).first().waitFor();
  });

  await t.test('another topology: what would come, in a form and as text', async () => {
    await page.getByRole('link', { name: 'Try a change' }).click();
    await heading('Try a change').waitFor();
    await page.getByRole('heading', { name: '0 openings would come' }).waitFor();
    await page.getByRole('textbox', { name: 'Name of the host' }).fill('desk-9');
    await page.getByRole('textbox', { name: 'Addresses or prefixes' }).fill('10.77.0.9');
    await page.getByRole('button', { name: 'Add the host' }).click();
    const come = page.getByRole('table', { name: /^[1-9]\d* openings? would come$/ });
    await come.getByText('desk-9').first().waitFor();
    await page.getByRole('button', { name: /^desk-9/ }).waitFor();
    await watched.checkAccessibility('what if');
    await watched.checkNarrow('what if', phone);
    await page.getByText('Text', { exact: true }).click();
    const text = page.getByRole('textbox', { name: 'Text' });
    assert.match(await text.inputValue(), /^ {2}desk-9:$/m);
    await text.fill((await text.inputValue()).replaceAll('desk-9', 'desk-10'));
    await come.getByText('desk-10').first().waitFor();
    await text.fill(`${await text.inputValue()}\nnonsense: true\n`);
    await page.getByRole('alert').waitFor();
    await text.fill('hosts:\n  a:\n');
    assert.ok(await page.getByRole('radio', { name: 'Form' }).isDisabled());
    await page.getByRole('button', { name: 'Back to what there is' }).click();
    await page.getByRole('button', { name: 'Make the files' }).click();
    const files = page.getByRole('region', { name: 'Files', exact: true });
    await files.waitFor();
    await page.getByRole('button', { name: 'Remove store' }).click();
    // They are of the topology that was there before.
    await files.waitFor({ state: 'detached' });
    await page
      .getByRole('table', { name: /^[1-9]\d* openings? would go$/ })
      .getByText('store')
      .first()
      .waitFor();
  });

  await t.test('a rendering is the one of `holdfast ports plan`', async () => {
    await page.goto(`${system.origin}/network/rules`);
    await page.getByRole('combobox', { name: 'For what' }).selectOption('nftables');
    await page.getByRole('button', { name: 'Make the files' }).click();
    const files = page.getByRole('region', { name: 'Files', exact: true });
    const coming = page.waitForEvent('download');
    await files
      .getByRole('button', { name: /^Download/ })
      .first()
      .click();
    const downloaded = readFileSync(await (await coming).path(), 'utf8');
    await watched.checkAccessibility('rules');
    await watched.checkNarrow('rules', phone);
    const folder = join(system.folder, 'rules');
    mkdirSync(folder);
    writeFileSync(join(system.folder, 'topology.json'), JSON.stringify(topology));
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [
        ...holdfastProgram.slice(1),
        'ports',
        'plan',
        join(system.folder, 'topology.json'),
        '--format',
        'nftables',
        '--out',
        folder,
        '--accept-widening',
        '--json',
      ],
      { timeout: commandLimitMs },
    );
    const { files: written } = JSON.parse(stdout) as { files: readonly string[] };
    assert.equal(downloaded, readFileSync(join(folder, written[0] ?? ''), 'utf8'));
  });

  await t.test("the product's own proof, closed rule by closed rule, and one of somebody's own", async () => {
    const published = join(import.meta.dirname, '../../../docs/proof.json');
    const proof = JSON.parse(readFileSync(published, 'utf8')) as {
      necessary: { closed: string[] }[];
      scenarios: unknown[];
    };
    await page.goto(`${system.origin}/network`);
    await page.getByRole('link', { name: 'Proof' }).click();
    await heading('Proof').waitFor();
    const matrix = page.getByRole('table');
    await matrix.waitFor();
    assert.equal(await matrix.getByRole('row').count(), proof.necessary.length + 2);
    assert.equal(await matrix.getByRole('img').count(), (proof.necessary.length + 1) * proof.scenarios.length);
    const [rule = ''] = proof.necessary[0]?.closed ?? [];
    await matrix.getByRole('button', { name: rule, exact: true }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('status').getByText(`Without ${rule}:`).waitFor();
    // What people were told, of the first scenario that did not simply pass.
    const told = page.locator('details').first();
    await told.locator('summary').click();
    await told.getByText('Worked, with a warning that names').or(told.locator('pre')).waitFor();
    await watched.checkAccessibility('proof');
    await watched.checkNarrow('proof', phone);
    const own = join(system.folder, 'own.json');
    writeFileSync(own, readFileSync(published));
    await page.locator('input[type=file]').setInputFiles(own);
    await region('own.json').getByText(`Of the ${map.flows.length} openings of the plan of today, 0 are`).waitFor();
    writeFileSync(own, '{"kind":"proof"}');
    await page.locator('input[type=file]').setInputFiles(own);
    await page.getByRole('alert').getByText('own.json is no proof.').waitFor();
  });

  await t.test('in German; and who has no right to the network sees nothing of it', async () => {
    await page.goto(`${system.origin}/network`);
    await page.getByRole('combobox', { name: 'Language' }).selectOption('de');
    await heading('Netzwerk').waitFor();
    await page.getByRole('combobox', { name: 'Sprache' }).selectOption('en');
    await system.addPerson('greta', 'backup-operator', password, ['default']);
    await watched.context.clearCookies();
    await page.goto(`${system.origin}/network`);
    await signIn('greta');
    await heading('Your account may not see this page').waitFor();
    assert.equal(await page.getByRole('application').count(), 0);
    assert.equal(await page.getByRole('navigation').getByRole('link', { name: 'Network' }).count(), 0);
    // An auditor sees it, and can start nothing.
    await system.addPerson('otto', 'auditor', password);
    await watched.context.clearCookies();
    await page.goto(`${system.origin}/network`);
    await signIn('otto');
    await page.getByRole('application').waitFor();
    await page.getByRole('navigation').getByRole('link', { name: 'Network' }).waitFor();
    for (const name of [/^Check /, /^Compare /]) assert.equal(await page.getByRole('button', { name }).count(), 0);
  });

  assert.deepEqual(watched.complaints, [], 'no error, nothing that the policy refused, no request to another host');
});

function tellApart(path: string): void {
  using database = new DatabaseSync(path, { timeout: commandLimitMs });
  const update = database.prepare(`update "computers" set "hostname" = ?, "address" = ? where "role" = ?`);
  for (const row of [
    ['store', '10.88.0.2', 'mover'],
    ['desk', '10.88.0.3', 'agent'],
  ])
    assert.equal(update.run(...row).changes, 1);
}
