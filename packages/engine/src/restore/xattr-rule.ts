import { HoldfastError } from '@holdfast/core';
import { PatternList } from '../patterns.ts';

/** Patterns of names of extended attributes, such as `user.*`. */
export interface XattrPatterns {
  /** Only these are restored. */
  readonly includeXattrs?: readonly string[] | undefined;
  /** These are not. Cannot be together with the others. */
  readonly excludeXattrs?: readonly string[] | undefined;
}

/** True for what is restored; other attributes of files that are there already are not touched either. @throws usage.option */
export function xattrRule({ includeXattrs = [], excludeXattrs = [] }: XattrPatterns): (name: string) => boolean {
  const [include, exclude] = [new PatternList(includeXattrs), new PatternList(excludeXattrs)];
  if (!include.empty && !exclude.empty)
    throw new HoldfastError('usage.option', {
      message: 'Patterns of extended attributes to restore, and of others not to, exclude each other.',
    });
  return (name) => {
    const parts = name.split('/');
    return include.empty ? !exclude.matches(parts) : include.matches(parts);
  };
}
