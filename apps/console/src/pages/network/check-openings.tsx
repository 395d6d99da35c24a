import type { NetworkMap } from '@holdfast/protocol';
import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { useAction } from '../../api/queries.ts';
import { ProblemAlert } from '../../components/problem-alert.tsx';
import { useText } from '../../i18n/language.tsx';
import { useMay } from '../../session/rights.ts';
import type { MapFlow } from './map-links.ts';
import classes from './network.module.css';

/** What one request takes. */
const maxFlows = 1_000;

/** Tries only the openings that somebody looks at; the card of checks follows it. What an administrator wants open is not tried. */
export function CheckOpenings({
  map,
  flows,
}: {
  readonly map: NetworkMap;
  readonly flows: readonly MapFlow[];
}): ReactNode {
  const t = useText();
  const may = useMay();
  const begin = useAction('createPortCheck', ['networkMap', 'portChecks']);
  const tried = flows.filter(({ origin }) => origin === 'contract').slice(0, maxFlows);
  if (tried.length === 0 || !may('createPortCheck')) return null;
  return (
    <div className={classes['buttons']}>
      <Button
        size="compact-sm"
        variant="light"
        loading={begin.isPending || map.check?.state === 'running'}
        onClick={() => begin.mutate({ body: { flows: tried.map(({ id }) => id) } })}
      >
        {t('network.check.these', { count: tried.length })}
      </Button>
      {begin.error && <ProblemAlert error={begin.error} />}
    </div>
  );
}
