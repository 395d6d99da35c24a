import { type ReactNode, useState } from 'react';
import { useText } from '../../i18n/language.tsx';
import classes from './proof.module.css';
import type { Proof, ProofCell } from './read-proof.ts';

const marks = { passed: '✓', degraded: '◐', failed: '✗' } as const;

/** Rules by scenarios: what works with all of them, and what stops or falls back without each. A row tells more when it is chosen. */
export function ProofMatrix({ proof }: { readonly proof: Proof }): ReactNode {
  const t = useText();
  const [chosen, setChosen] = useState<number>();
  const row = chosen === undefined ? undefined : proof.necessary[chosen];
  return (
    <>
      <ul className={classes['legend']}>
        {(['passed', 'degraded', 'failed'] as const).map((kind) => (
          <li key={kind}>
            <span data-kind={kind} className={classes['mark']} aria-hidden="true">
              {marks[kind]}
            </span>{' '}
            {t(`network.proof.${kind}`)}
          </li>
        ))}
      </ul>
      <div className={classes['scroll']} tabIndex={0} role="group" aria-label={t('network.proof.matrix')}>
        <table className={classes['matrix']} aria-label={t('network.proof.matrix')}>
          <thead>
            <tr>
              <th scope="col">{t('network.proof.closed')}</th>
              {proof.scenarios.map((scenario, at) => (
                <th key={scenario} scope="col" title={scenario}>
                  {at + 1}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            <tr>
              <th scope="row">{t('network.proof.nothing')}</th>
              {proof.sufficient.map((cell) => (
                <Mark key={cell.scenario} cell={cell} />
              ))}
            </tr>
            {proof.necessary.map(({ closed, cells }, at) => (
              <tr key={closed.join('\n')} data-chosen={at === chosen}>
                <th scope="row">
                  <button
                    type="button"
                    aria-pressed={at === chosen}
                    onClick={() => setChosen(at === chosen ? undefined : at)}
                  >
                    {closed.map((id) => (
                      <code key={id}>{id}</code>
                    ))}
                  </button>
                </th>
                {cells.map((cell) => (
                  <Mark key={cell.scenario} cell={cell} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p role="status" className={classes['hint']}>
        {row ? t('network.proof.without', { rules: row.closed.join(', ') }) : t('network.proof.choose')}
      </p>
      {row && <Told cells={row.cells} />}
      <h3 className={classes['part']}>{t('network.proof.scenarios')}</h3>
      <ol className={classes['scenarios']}>
        {proof.scenarios.map((scenario) => (
          <li key={scenario}>{scenario}</li>
        ))}
      </ol>
    </>
  );
}

/** By sign, colour and word; what the contract does not say stands out. */
function Mark({ cell }: { readonly cell: ProofCell }): ReactNode {
  const t = useText();
  const { kind } = cell.outcome;
  const said = t(`network.proof.${kind}.word`);
  const text = cell.holds ? said : t('network.proof.wrong', { what: said });
  return (
    <td title={`${cell.scenario}: ${text}`}>
      <span className={classes['mark']} data-kind={kind} data-wrong={!cell.holds} role="img" aria-label={text}>
        {marks[kind]}
        {cell.holds ? '' : '!'}
      </span>
    </td>
  );
}

/** What people were told in the scenarios that did not simply pass. */
function Told({ cells }: { readonly cells: readonly ProofCell[] }): ReactNode {
  const t = useText();
  const told = cells.filter(({ outcome, holds }) => outcome.kind !== 'passed' || !holds);
  if (told.length === 0) return <p>{t('network.proof.all-passed')}</p>;
  return (
    <div className={classes['told']}>
      {told.map(({ scenario, outcome, expected, holds }) => (
        <details key={scenario} open={!holds}>
          <summary>
            <span className={classes['mark']} data-kind={outcome.kind} data-wrong={!holds} aria-hidden="true">
              {marks[outcome.kind]}
            </span>{' '}
            {scenario}: {t(`network.proof.${outcome.kind}.word`)}
          </summary>
          {!holds && <p>{t('network.proof.expected', { what: t(`network.proof.${expected}.word`) })}</p>}
          {outcome.kind === 'degraded' && <p>{t('network.proof.warned', { channels: outcome.blocked.join(', ') })}</p>}
          {outcome.kind === 'failed' && <pre>{outcome.message}</pre>}
        </details>
      ))}
    </div>
  );
}
