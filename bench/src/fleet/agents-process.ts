/** A thousand simulated agents, or as many as it is given, in one process. */
import { once } from 'node:events';
import type { AgentsNews, AgentsOrder } from './messages.ts';
import { SimulatedAgent } from './simulated-agent.ts';

const newsMs = 100;

const [order] = (await once(process, 'message')) as [AgentsOrder];
process.once('disconnect', () => process.exit());

let connected = 0;
let tasks: AgentsNews['tasks'][number][] = [];
let toldConnected = 0;
setInterval(() => {
  if (connected === toldConnected && tasks.length === 0) return;
  const news: AgentsNews = { connected: connected - toldConnected, tasks };
  toldConnected = connected;
  tasks = [];
  process.send?.(news);
}, newsMs);

const agents: SimulatedAgent[] = [];
for (const identity of order.agents) {
  while (agents.length - connected >= order.atOnce) await new Promise((resolve) => setTimeout(resolve, 5));
  agents.push(
    new SimulatedAgent({
      identity,
      servers: order.servers,
      taskMs: order.taskMs,
      listener: {
        onConnected: () => void (connected += 1),
        // By the clock of the computer, which all processes share.
        onTask: (agentId, taskId) => void tasks.push({ agentId, taskId, atMs: Date.now() }),
      },
    }),
  );
}
