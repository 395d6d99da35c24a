import { Textarea } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { parse, stringify } from 'yaml';
import { useText } from '../../i18n/language.tsx';
import classes from './network.module.css';
import type { Topology } from './topology.ts';

export function topologyText(topology: Topology): string {
  return stringify(topology, { lineWidth: 0 });
}

/** The topology as the file of `holdfast ports` has it. What is no YAML stays in the field until it is; the rest the server judges. */
export function TopologyText(o: {
  readonly topology: Topology;
  readonly onChange: (topology: Topology) => void;
}): ReactNode {
  const t = useText();
  const [text, setText] = useState(() => topologyText(o.topology));
  const [error, setError] = useState<string>();
  const change = (next: string): void => {
    setText(next);
    try {
      const document: unknown = parse(next);
      if (typeof document !== 'object' || document === null || Array.isArray(document))
        throw new Error(t('network.topology.no-map'));
      setError(undefined);
      o.onChange(document as Topology);
    } catch (caught) {
      setError(caught instanceof Error ? caught.message : String(caught));
    }
  };
  return (
    <Textarea
      label={t('network.topology.text')}
      description={t('network.topology.text.hint')}
      className={classes['text-area'] ?? ''}
      spellCheck={false}
      autosize
      minRows={12}
      maxRows={30}
      value={text}
      error={error}
      onChange={({ currentTarget }) => change(currentTarget.value)}
    />
  );
}
