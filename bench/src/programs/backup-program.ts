import type { Command } from '../measure/run-command.ts';

/** Where one program keeps what belongs to one repository. */
export interface Place {
  /** Folder of the repository. */
  readonly repository: string;
  readonly passwordFile: string;
  /** What the file holds, for programs that take no file: the password of a benchmark is no secret. */
  readonly password: string;
  /** Home of caches and settings; new with each repository. */
  readonly home: string;
  /** When the repository is reached through a server. */
  readonly remote?: Remote;
}

export interface Remote {
  /** `rest:https://…` */
  readonly address: string;
  /** PEM of the certificate that the server's is checked with. */
  readonly caFile: string;
  /** What proves the right to use it. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A server of a program, with an empty repository place behind it. */
export interface Service {
  readonly remote: Remote;
  /** Folder where it stores the repository. */
  readonly storage: string;
  /** The process that was started; its descendants belong to it. */
  readonly pid: number;
  stop(): Promise<void>;
}

export interface BackupToRestore {
  readonly source: string;
  /** Below the source: only this folder. */
  readonly part?: string | undefined;
  readonly target: string;
  /** Of the newest backup. */
  readonly sequence: number;
}

/** A backup program as command lines; nothing here runs one, but for `serve`. */
export interface BackupProgram {
  readonly name: string;
  readonly version: string;
  /** How its settings differ from its defaults, for the reader of the results. */
  readonly settings: string;
  /** Whether it can be given a repository in restic's format. */
  readonly format: 'restic' | 'own';
  /** In this order, not measured. */
  init(place: Place): readonly Command[];
  /** `sequence` counts the backups into this repository from 1. */
  backup(place: Place, source: string, sequence: number): Command;
  /** Restores the newest backup, number `sequence`. */
  restore(place: Place, backup: BackupToRestore): Command;
  /** Where the content of `source`, or of its part, is after a restore into `target`. */
  restored(backup: Pick<BackupToRestore, 'source' | 'part' | 'target'>): string;
  /** Reads and verifies all data. */
  check(place: Place): Command;
  /** Forgets all but the newest `keep` backups, unless that is undefined, and frees what nothing uses; measured together. */
  prune(place: Place, keep: number | undefined): readonly Command[];
  /** Starts its own server on loopback with TLS, everything below `folder`. Left out where there is none. */
  serve?(folder: string, signal: AbortSignal): Promise<Service>;
}

/** What every program gets, and no other: a home of its own, and the way to system programs. */
export function baseEnvironment(place: Pick<Place, 'home' | 'remote'>): Record<string, string> {
  return {
    HOME: place.home,
    XDG_CACHE_HOME: `${place.home}/.cache`,
    XDG_CONFIG_HOME: `${place.home}/.config`,
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    LANG: 'C.UTF-8',
    ...place.remote?.environment,
  };
}
