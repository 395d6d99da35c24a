import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net'; // socket exception: stands for the foreign programs that hold ports
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { freeRange, temporaryFolder } from '@holdfast/core/testing';
import { createTestInstallation } from '@holdfast/wire/testing';
import { pino } from 'pino';
import type { z } from 'zod';
import { startAgent } from './agent.ts';
import { agentConfigSchema } from './config.ts';

/** In the place of 6184 to 6194. */
const range = await freeRange(4);

/** An enrolled computer whose server is not there: what listens needs none. */
async function enrolled(t: TestContext, more: z.input<typeof agentConfigSchema> = {}) {
  const dataDir = temporaryFolder(t);
  const installation = await createTestInstallation();
  const { certificatePem, privateKeyPem, caPem, id } = await installation.issue({ role: 'agent' });
  const identity = {
    version: 1,
    role: 'agent',
    id,
    installation: installation.installation,
    server: { id: '6f1c2a34-9f52-4c1e-9a57-0b0d5f0c7f11', host: '127.0.0.1', port: 1 },
    ...{ certificatePem, privateKeyPem, caPem },
    identityKeys: [],
  };
  writeFileSync(join(dataDir, 'identity.json'), JSON.stringify(identity), { mode: 0o600 });
  const ports = { 'windows-agent-service': range, ...more.ports };
  const config = agentConfigSchema.parse({ bind: '127.0.0.1', ...more, ports });
  const logged: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => void logged.push(line) });
  return { dataDir, logged, start: () => startAgent({ config, dataDir, logger, platform: 'win32' }) };
}

async function occupy(t: TestContext, port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve));
  t.after(() => server.close());
}

test('the service of a Windows agent takes the first free port and keeps it across restarts', async (t) => {
  const { start } = await enrolled(t);
  await occupy(t, range.from);
  const first = await start();
  assert.equal(first.servicePort, range.from + 1);
  await first[Symbol.asyncDispose]();
  // Its port is what it has, even when an earlier one of the range is free again.
  await using again = await start();
  assert.equal(again.servicePort, range.from + 1);
});

test('when every port of the service is taken, the error lists who holds them', async (t) => {
  const { start } = await enrolled(t);
  for (let port = range.from; port <= range.to; port++) await occupy(t, port);
  await assert.rejects(start(), (error: Error & { code?: string }) => {
    assert.equal(error.code, 'port.occupied');
    assert.match(error.message, /windows-agent-service/);
    if (process.platform === 'linux') assert.match(error.message, new RegExp(`${process.pid}`));
    return true;
  });
});

test('an agent starts without its panel where that is switched off, and where all of its ports are taken, and says so', async (t) => {
  const off = await enrolled(t, { controlPanel: false });
  await using first = await off.start();
  assert.deepEqual([first.panel, existsSync(join(off.dataDir, 'panel.json'))], [undefined, false]);

  const ten = await freeRange(10);
  for (let port = ten.from; port <= ten.to; port++) await occupy(t, port);
  const taken = await enrolled(t, {
    ports: { 'agent-control-panel': ten, 'windows-agent-service': await freeRange(4) },
  });
  await using second = await taken.start();
  assert.deepEqual([second.panel, existsSync(join(taken.dataDir, 'panel.json'))], [undefined, false]);
  const said = taken.logged.filter((line) => line.includes('there is no control panel'));
  assert.deepEqual([said.length, said[0]?.includes('port.occupied')], [1, true], taken.logged.join(''));
});

test('an agent that is not enrolled says how to become it', async (t) => {
  const config = agentConfigSchema.parse({});
  await assert.rejects(startAgent({ config, dataDir: temporaryFolder(t), logger: pino({ level: 'silent' }) }), {
    code: 'usage.configuration',
    guidance: /holdfast enroll/,
  });
});
