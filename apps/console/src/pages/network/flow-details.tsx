import type { ReactNode } from 'react';
import { Age } from '../../components/age.tsx';
import { Facts } from '../../components/facts.tsx';
import { useText } from '../../i18n/language.tsx';
import { type FlowFacts, portsText } from './map-links.ts';
import classes from './network.module.css';
import { OutcomeBadge } from './outcome-badge.tsx';

/** One opening: why it is there, what stops without it, and how it is. For who has to approve it, and who looks for a fault. */
export function FlowDetails({ flow }: { readonly flow: FlowFacts }): ReactNode {
  const t = useText();
  return (
    <div className={classes['details']}>
      <Facts
        facts={[
          [t('network.flow.ports'), <code key="ports">{portsText(flow)}</code>],
          [t('network.flow.last-used'), <Age key="used" at={flow.lastUsedAt} />],
          [
            t('network.flow.check'),
            <span key="check">
              <OutcomeBadge outcome={flow.check?.outcome} /> {flow.check && <Age at={flow.check.at} />}
            </span>,
          ],
          [t('network.flow.needed'), t(flow.leased ? 'network.flow.needed.session' : 'network.flow.needed.always')],
        ]}
      />
      {flow.check && flow.check.causes.length > 0 && (
        <Part title={t('network.flow.causes')}>
          <Texts texts={flow.check.causes} />
        </Part>
      )}
      <Part title={t('network.flow.stops')}>
        {flow.features.length === 0 ? (
          <p>{t('network.flow.by-administrator')}</p>
        ) : (
          <Texts texts={flow.features.map(({ stops }) => stops)} />
        )}
      </Part>
      {flow.channels.length === 0 && flow.reasons.length > 0 && (
        <Part title={t('network.flow.why')}>
          <Texts texts={flow.reasons} />
        </Part>
      )}
      {flow.channels.length > 0 && (
        <Part title={t('network.flow.channels')}>
          <ul className={classes['channels']}>
            {flow.channels.map((channel) => (
              <li key={channel.id}>
                <p>{channel.purpose}</p>
                <p className={classes['soft']}>
                  <code>{channel.id}</code> · {channel.application} · {t('network.flow.security')}{' '}
                  <code>{channel.security}</code>
                  {channel.isFallback && <> · {t('network.flow.fallback')}</>}
                  {channel.lastUsedAt !== undefined && (
                    <>
                      {' '}
                      · <Age at={channel.lastUsedAt} />
                    </>
                  )}
                </p>
              </li>
            ))}
          </ul>
        </Part>
      )}
      {flow.rows.length > 0 && (
        <Part title={t('network.flow.rows')}>
          <p className={classes['rows']}>
            {flow.rows.map((row) => (
              <code key={row}>{row}</code>
            ))}
          </p>
        </Part>
      )}
      <p className={classes['soft']}>
        <code className={classes['wrap']}>{flow.id}</code>
      </p>
    </div>
  );
}

function Part({ title, children }: { readonly title: string; readonly children: ReactNode }): ReactNode {
  return (
    <div>
      <h3 className={classes['part']}>{title}</h3>
      {children}
    </div>
  );
}

function Texts({ texts }: { readonly texts: readonly string[] }): ReactNode {
  return (
    <ul className={classes['texts']}>
      {texts.map((text) => (
        <li key={text}>{text}</li>
      ))}
    </ul>
  );
}
