import { once } from 'node:events';
// socket exception: a way between a client and the mover that breaks when the test says so is nothing of the product.
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * Passes bytes between clients and the mover, unread (they are TLS), and loses answers: when the other end begins to answer
 * what a client has sent, the connection is cut in place of the answer. What was asked for has been done by then.
 */

export interface CuttingProxyOptions {
  /** Where the mover listens on loopback. */
  readonly port: number;
  /** Asked for each answer, with the bytes that the client has sent since the one before: true cuts it off. */
  readonly isCut: (sentBytes: number) => boolean;
}

/** A TLS handshake needs two answers; a client that never gets these says nothing about requests. */
const handshakeAnswers = 2;

export class CuttingProxy implements AsyncDisposable {
  /** Answers that were lost. */
  cuts = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(options: CuttingProxyOptions) {
    // socket exception: see above.
    this.#server = createServer((client) => this.#join(client, options));
  }

  static async start(options: CuttingProxyOptions): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(options);
    // socket exception: see above.
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy does not listen');
    return address.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }

  #join(client: Socket, { port, isCut }: CuttingProxyOptions): void {
    // socket exception: see above.
    const mover = connect(port, '127.0.0.1');
    let sentBytes = 0;
    let answers = 0;
    let isAnswering = false;
    const end = (): void => {
      for (const socket of [client, mover]) {
        socket.destroy();
        this.#sockets.delete(socket);
      }
    };
    for (const socket of [client, mover]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      // Whatever ends one side ends the other: the client's own error is what the test looks at.
      socket.on('error', end).on('close', end);
    }
    client.on('data', (piece: Buffer) => {
      sentBytes += piece.length;
      isAnswering = false;
      if (!mover.write(piece)) client.pause();
    });
    mover.on('drain', () => client.resume());
    mover.on('data', (piece: Buffer) => {
      if (!isAnswering) {
        isAnswering = true;
        answers += 1;
        // One of the handshake's may come while a request is already being sent.
        const isLost = answers > handshakeAnswers && isCut(sentBytes);
        if (answers > handshakeAnswers) sentBytes = 0;
        if (isLost) {
          this.cuts += 1;
          end();
          return;
        }
      }
      if (!client.write(piece)) mover.pause();
    });
    client.on('drain', () => mover.resume());
  }
}
