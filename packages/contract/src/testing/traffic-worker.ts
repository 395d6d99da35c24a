/**
 * Run inside a network namespace by two-hosts.ts. `listen SERVICES`: answers on these TCP ports, and on UDP port 53 of
 * these addresses, until standard input ends. `try ATTEMPTS`: prints which attempts were answered.
 */
// socket exception: plays services and attackers that know nothing of channels
import { createSocket } from 'node:dgram';
// socket exception: plays services and attackers that know nothing of channels
import { connect, createServer } from 'node:net';
import type { Attempt, Services } from './two-hosts.ts';

/** Long enough on a busy machine. */
const answerLimitMs = 60_000;
/** An answer that a firewall must not let through would come within a millisecond. */
const silenceMs = 500;
const resendMs = 200;

const [, , mode, input = '{}'] = process.argv;
if (mode === 'listen') await listen(JSON.parse(input) as Services);
else console.log(JSON.stringify(await Promise.all((JSON.parse(input) as readonly Attempt[]).map(isAnswered))));

async function listen({ ports, addresses }: Services): Promise<void> {
  for (const port of ports) {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.end('hello');
    });
    // socket exception: plays services that know nothing of channels
    await new Promise<void>((resolve) => server.listen({ host: '::', port }, resolve));
  }
  for (const address of addresses) {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.on('message', (_, sender) => socket.send('hello', sender.port, sender.address));
    await new Promise<void>((resolve) => socket.bind(53, address, resolve));
  }
  console.log('ready');
  process.stdin.resume().on('end', () => process.exit());
}

function isAnswered(attempt: Attempt): Promise<boolean> {
  return new Promise((resolve) => {
    const close = attempt.transport === 'udp' ? sendUntil(attempt, () => end(true)) : dial(attempt, () => end(true));
    const timer = setTimeout(() => end(false), attempt.passes ? answerLimitMs : silenceMs);
    function end(answered: boolean): void {
      clearTimeout(timer);
      close();
      resolve(answered);
    }
  });
}

function dial({ from, to, port }: Attempt, answered: () => void): () => void {
  const socket = connect({ host: to, port, localAddress: from });
  socket.on('data', answered).on('error', () => socket.destroy());
  return () => socket.destroy();
}

function sendUntil({ from, to, port }: Attempt, answered: () => void): () => void {
  const socket = createSocket(from.includes(':') ? 'udp6' : 'udp4');
  const send = (): void => socket.send('hello', port, to, (error) => error && console.error(error.message));
  socket.on('message', answered).bind(0, from, send);
  const timer = setInterval(send, resendMs);
  return () => {
    clearInterval(timer);
    socket.close();
  };
}
