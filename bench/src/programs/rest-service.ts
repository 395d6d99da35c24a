import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { baseEnvironment, type Service } from './backup-program.ts';
import { startServer } from './server-process.ts';

/** restic's own REST server, with a certificate of its own and without asking for a password. */
export async function serveRestServer(file: string, folder: string, signal: AbortSignal): Promise<Service> {
  const home = join(folder, 'home');
  const storage = join(folder, 'data');
  for (const path of [home, storage]) mkdirSync(path, { recursive: true });
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  makeCertificate(key, certificate);
  const server = await startServer(
    {
      file,
      args: [
        ...['--path', storage, '--listen', '127.0.0.1:0', '--no-auth'],
        ...['--tls', '--tls-key', key, '--tls-cert', certificate],
      ],
      env: baseEnvironment({ home }),
    },
    /start server on 127\.0\.0\.1:(\d+)/,
    signal,
  );
  return {
    remote: { address: `rest:https://127.0.0.1:${server.ready[1] ?? ''}/`, caFile: certificate, environment: {} },
    storage,
    pid: server.pid,
    stop: server.stop,
  };
}

function makeCertificate(key: string, certificate: string): void {
  const { status, stderr } = spawnSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
      ...['-keyout', key, '-out', certificate, '-subj', '/CN=bench', '-addext', 'subjectAltName=IP:127.0.0.1'],
    ],
    { encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`openssl could not make a certificate: ${stderr}`);
}
