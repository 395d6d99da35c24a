import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { freePort, peersFolder, program, temporaryFolder } from '@holdfast/core/testing';
import { type Route, routes } from '@holdfast/protocol';
import { TestAgent } from '../testing/test-agent.ts';
import { TestMover } from '../testing/test-mover.ts';
import { TestServer } from '../testing/test-server.ts';

/** schemathesis, on the PATH or as a Python package of `npm run peers`. */
const python = { ...process.env, PYTHONPATH: join(peersFolder, '..', 'python'), PYTHONDONTWRITEBYTECODE: '1' };
const command = ((): readonly string[] | undefined => {
  const own = program('schemathesis');
  if (own) return [own.path];
  const found = spawnSync('python3', ['-c', 'import schemathesis'], { env: python }).status === 0;
  return found ? ['python3', '-m', 'schemathesis.cli'] : undefined;
})();
/** What is to be so of every answer: no 5xx, and what the OpenAPI document says of it. Wrong requests are refused. */
const checks = [
  ...['not_a_server_error', 'status_code_conformance', 'content_type_conformance', 'response_headers_conformance'],
  ...['response_schema_conformance', 'negative_data_rejection'],
];
const examples = 10;
const seed = 1;

type Parameters = { name: string; in: string; schema: Record<string, unknown> }[];

test('schemathesis finds no answer with 5xx, and none that the OpenAPI document does not describe', {
  skip: command ? false : 'needs schemathesis (npm run peers)',
}, async (t) => {
  const folder = temporaryFolder(t);
  await using server = await TestServer.start(folder, { config: { people: { fourEyes: 'off' } } });
  const { client } = server;
  const port = await freePort();
  await using mover = new TestMover(await server.join('mover', { ports: { 'server-to-mover': port } }), { port });
  await mover.listen();
  await using agent = new TestAgent(await server.join('agent', { preinstalled: true }));
  await agent.hold(server);
  const repository = await client.call('createRepository', { body: { name: 'first', moverId: mover.id } });
  const job = await client.call('createJob', {
    body: {
      ...{ name: 'files', computers: [agent.id], scope: { kind: 'folders', paths: ['/srv'] } },
      target: { kind: 'shared', repositoryId: repository.id },
    },
  });
  const session = await client.call('runJob', { params: { id: job.id }, body: {} });
  const [run] = await server.runsOf(session.id);
  const person = await server.person('alice', 'auditor');
  // What the paths name is there, so that requests get further than to where nothing is found.
  const present: Readonly<Record<string, string>> = {
    ...{ computers: agent.id, repositories: repository.id, jobs: job.id, sessions: session.id },
    ...{ runs: run?.id ?? '', users: person.id },
  };
  const document = (await client.call('openapi', {})) as {
    paths: Record<string, Record<string, { parameters: Parameters }>>;
  };
  for (const [path, operations] of Object.entries(document.paths)) {
    const known = present[path.split('/')[3] ?? ''];
    if (known === undefined) continue;
    for (const { parameters } of Object.values(operations))
      for (const parameter of parameters)
        if (parameter.in === 'path' && parameter.name === 'id') Object.assign(parameter.schema, { enum: [known] });
  }
  const file = join(folder, 'openapi.json');
  writeFileSync(file, JSON.stringify(document));
  // Streams have no end.
  const streams = Object.values<Route>(routes).filter(({ stream }) => stream);
  const url = `https://127.0.0.1:${server.running.portOf('client-to-server')}`;
  const [first = '', ...rest] = command ?? [];
  const child = spawn(
    first,
    [
      ...[...rest, 'run', file, '--url', url, '--no-color', '--header', `Authorization: Bearer ${server.token}`],
      ...['--tls-verify', server.running.caFile, '--phases', 'examples,coverage,fuzzing', '--checks', checks.join(',')],
      ...['--seed', String(seed), '--max-examples', String(examples), '--request-timeout', '120'],
      ...streams.flatMap(({ id }) => ['--exclude-operation-id', id]),
    ],
    { cwd: folder, env: python, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const ended = once(child, 'exit') as Promise<[number | null]>;
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [status] = await ended;
  assert.equal(status, 0, `${output}\n${errors}`);
  const [, generated = '0'] = /(\d+) generated/.exec(output) ?? [];
  assert.ok(Number(generated) > 1000, output);
  t.diagnostic(`${generated} requests`);
});
