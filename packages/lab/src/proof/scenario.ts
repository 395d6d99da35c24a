import type { ChannelId, FeatureId } from '@holdfast/contract';
import type { Fleet } from '../fleet.ts';

/** How a scenario ended. */
export type Outcome =
  | { readonly kind: 'passed' }
  /** It worked, over a channel that stood in for a blocked one. */
  | { readonly kind: 'degraded'; readonly blocked: readonly string[] }
  /** `message` is all that a person was told. */
  | { readonly kind: 'failed'; readonly message: string };

/** What a scenario needs of the connections between some computers, whoever dials. */
export interface Need {
  readonly between: readonly string[];
  readonly features: readonly FeatureId[];
}

/** Something that people do with the product, between certain computers; it leaves the fleet as it found it. */
export interface Scenario {
  /** Unique, for people: `backup laptop to store`. */
  readonly id: string;
  /** What decides which openings it must fail without. */
  readonly needs: readonly Need[];
  /** The computer where it is done. */
  readonly busy: string;
  /** It stops what other scenarios use: it runs after all that do not. */
  readonly restarts?: true;
  /** Throws only for faults of the lab itself. */
  run(fleet: Fleet, signal: AbortSignal): Promise<Outcome>;
}

/** What the contract says must become of a scenario. */
export type Expectation =
  | { readonly kind: 'passed' }
  | { readonly kind: 'degraded'; readonly blocked: readonly ChannelId[] }
  /** It must name one of these. */
  | { readonly kind: 'failed'; readonly blocked: readonly ChannelId[] };
