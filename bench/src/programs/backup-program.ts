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
}

/** A backup program as command lines; nothing here runs one. */
export interface BackupProgram {
  readonly name: string;
  readonly version: string;
  /** How its settings differ from its defaults, for the reader of the results. */
  readonly settings: string;
  /** In this order, not measured. */
  init(place: Place): readonly Command[];
  /** `sequence` counts the backups into this repository from 1. */
  backup(place: Place, source: string, sequence: number): Command;
  /** Restores the newest backup, number `sequence`. */
  restore(place: Place, backup: { source: string; target: string; sequence: number }): Command;
  /** Where the content of `source` is after a restore into `target`. */
  restored(source: string, target: string): string;
  /** Reads and verifies all data. */
  check(place: Place): Command;
}

/** What every program gets, and no other: a home of its own, and the way to system programs. */
export function baseEnvironment(place: Place): Record<string, string> {
  return {
    HOME: place.home,
    XDG_CACHE_HOME: `${place.home}/.cache`,
    XDG_CONFIG_HOME: `${place.home}/.config`,
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    LANG: 'C.UTF-8',
  };
}
