import { z } from 'zod';
import { isoTime } from '../names.ts';
import { route } from '../route.ts';

const healthState = z.enum(['ok', 'warning', 'failed']);

const component = z.object({
  component: z.enum([
    'database',
    'vault',
    'listeners',
    'certificates',
    'movers',
    'executor',
    'schedule',
    'queue',
    'disk',
    'notifications',
    'clock',
    'recovery-kit',
  ]),
  state: healthState,
  /** What there is to say; of what is not `ok`, what is wrong. */
  reason: z.string(),
  /** In this state since then, as far as this instance of the server has seen. */
  since: isoTime,
});
export type HealthComponent = z.infer<typeof component>;

const health = z.object({
  /** That of the worst component. */
  state: healthState,
  checkedAt: isoTime,
  components: z.array(component),
});
export type Health = z.infer<typeof health>;

export const healthRoutes = {
  health: route('health', 'GET', '/api/v1/health', {
    access: 'network.read',
    summary: 'How each part of the server is, and since when',
    tag: 'server',
    response: health,
  }),
} as const;
