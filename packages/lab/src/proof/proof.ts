import type { ChannelId, FeatureId } from '@holdfast/contract';
import type { Expectation, Need, Outcome } from './scenario.ts';

/** One scenario under one set of rules. */
export interface Cell {
  readonly scenario: string;
  readonly expected: Expectation;
  readonly outcome: Outcome;
  readonly tookMs: number;
  /** The outcome is the expected one. */
  readonly holds: boolean;
}

/** A planned rule that no packet used while every scenario ran. */
export interface UnusedRule {
  readonly host: string;
  /** `input` or `output`. */
  readonly chain: string;
  readonly rule: string;
}

/** A part of a rule without which everything went on as before. */
export interface NeedlessOpening {
  readonly rule: string;
  /** Names of the computers. */
  readonly from: string;
  readonly to: string;
}

/** The result of a proof: plain data, kept as JSON. */
export interface Proof {
  readonly topology: string;
  /** ISO 8601. */
  readonly startedAt: string;
  /** Ids of planned flows that nobody in the lab uses: left out of its rules, and not proven. */
  readonly notProven: readonly string[];
  /** Ids of flows of the plan that were never closed, because only others were asked for: not shown to be needed. */
  readonly notClosed: readonly string[];
  readonly rules: readonly {
    readonly id: string;
    readonly channels: readonly ChannelId[];
    readonly features: readonly FeatureId[];
  }[];
  readonly scenarios: readonly { readonly id: string; readonly needs: readonly Need[] }[];
  /** With all rules. */
  readonly sufficient: readonly Cell[];
  readonly unused: readonly UnusedRule[];
  /** With one rule closed, or one and what stands in for it. */
  readonly necessary: readonly {
    /** Ids of the flows. */
    readonly closed: readonly string[];
    readonly channels: readonly ChannelId[];
    readonly cells: readonly Cell[];
  }[];
  readonly needless: readonly NeedlessOpening[];
  /** The rules suffice, each was used, nothing could be left out, and each closing did what the contract says and nothing else. */
  readonly holds: boolean;
}
