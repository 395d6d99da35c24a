import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { requireProgram } from '@holdfast/core/testing';

const run = promisify(execFile);
/** Of a group for key exchange and of a cipher; below is what NIST SP 800-131A lets go by 2030. */
const minSecurityBits = 128;
const scanLimitMs = 120_000;

/** What `sslscan` finds weak in a TLS server: nothing, when all is well. Throws where nothing answers. */
export async function weakTlsItems(o: { readonly host: string; readonly port: number }): Promise<string[]> {
  const { path } = requireProgram('sslscan');
  const place = `${o.host}:${o.port}`;
  const { stdout } = await run(path, ['--xml=-', '--no-colour', place], { timeout: scanLimitMs });
  const items = [...stdout.matchAll(/<([a-z-]+)((?: [a-z-]+="[^"]*")+) \/>/gi)].map(([, name, attributes = '']) => ({
    name,
    is: Object.fromEntries(
      [...attributes.matchAll(/([a-z-]+)="([^"]*)"/gi)].map(([, key = '', value = '']): [string, string] => [
        key,
        value,
      ]),
    ) as Readonly<Record<string, string | undefined>>,
  }));
  const of = (name: string) => items.filter((item) => item.name === name).map(({ is }) => is);
  const enabled = of('protocol').filter((one) => one['enabled'] === '1');
  const algorithms = [...stdout.matchAll(/<signature-algorithm>(.*?)</g)].map(([, algorithm = '']) => algorithm);
  if (enabled.length === 0 || of('cipher').length === 0)
    throw new Error(`sslscan found no TLS on ${place}:\n${stdout}`);
  return [
    ...enabled
      .filter((one) => `${one['type']} ${one['version']}` !== 'tls 1.3')
      .map((one) => `protocol ${one['type']} ${one['version']}`),
    ...of('cipher')
      .filter((one) => Number(one['bits']) < minSecurityBits || !/GCM|CHACHA20/.test(one['cipher'] ?? ''))
      .map((one) => `cipher ${one['cipher']}`),
    ...of('group')
      .filter((one) => Number(one['bits']) < minSecurityBits)
      .map((one) => `group ${one['name']} of ${one['bits']} bits`),
    ...of('pk')
      .filter((one) => one['error'] !== 'false' || Number(one['bits']) < minSecurityBits)
      .map((one) => `key ${one['type']} of ${one['bits']} bits`),
    ...of('heartbleed')
      .filter((one) => one['vulnerable'] !== '0')
      .map(() => 'heartbleed'),
    ...of('compression')
      .filter((one) => one['supported'] !== '0')
      .map(() => 'compression'),
    ...of('renegotiation')
      .filter((one) => one['supported'] !== '0')
      .map(() => 'renegotiation'),
    ...algorithms.filter((one) => !/sha(256|384|512)|ed25519/i.test(one)).map((one) => `signature ${one}`),
    ...(/<expired>true</.test(stdout) ? ['an expired certificate'] : []),
  ];
}
