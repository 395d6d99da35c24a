import type { CatalogueSnapshot } from '@holdfast/protocol';
import { Button, TextInput } from '@mantine/core';
import { type KeyboardEvent, type ReactNode, useEffect, useRef } from 'react';
import { useLanguage } from '../../i18n/language.tsx';
import classes from './timeline.module.css';

/**
 * The points in time that there are of a computer, newest first, by day. With the keyboard: arrows go to the next older and newer
 * one, Page Up and Page Down to another day, Home and End to the newest and the oldest.
 */
export function Timeline(o: {
  readonly points: readonly CatalogueSnapshot[];
  readonly chosen: CatalogueSnapshot | undefined;
  readonly onChoose: (point: CatalogueSnapshot) => void;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly onDays: (days: { from?: string | undefined; to?: string | undefined }) => void;
  readonly onOlder: (() => void) | undefined;
}): ReactNode {
  const { t, formats } = useLanguage();
  const list = useRef<HTMLDivElement>(null);
  const { points, chosen } = o;
  const at = points.findIndex((point) => isSame(point, chosen));
  useEffect(() => {
    list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [at]);
  const go = (to: number): void => {
    const place = Math.max(0, Math.min(points.length - 1, to));
    const point = points[place];
    if (!point) return;
    o.onChoose(point);
    list.current?.querySelector<HTMLElement>(`[data-point="${place}"]`)?.focus();
  };
  const key = (event: KeyboardEvent): void => {
    const day = (index: number): string => formats.day(points[index]?.takenAt ?? '1970-01-01T00:00:00Z');
    const newerDay = points.findLastIndex((_, index) => index < at && day(index) !== day(at));
    const olderDay = points.findIndex((_, index) => index > at && day(index) !== day(at));
    const target = {
      ArrowRight: at + 1,
      ArrowDown: at + 1,
      ArrowLeft: at - 1,
      ArrowUp: at - 1,
      Home: 0,
      End: points.length - 1,
      PageUp: newerDay < 0 ? 0 : newerDay,
      PageDown: olderDay < 0 ? points.length - 1 : olderDay,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    go(target);
  };
  const places = points.map((point, index) => ({ point, index }));
  const isAlone = aloneIn(points, formats.dateTime);
  const days = Map.groupBy(places, ({ point }) => formats.day(point.takenAt));
  return (
    <div>
      <div className={classes['days']}>
        <TextInput
          type="date"
          size="xs"
          label={t('restore.from')}
          value={o.from ?? ''}
          onChange={({ currentTarget }) => o.onDays({ from: currentTarget.value || undefined })}
        />
        <TextInput
          type="date"
          size="xs"
          label={t('restore.to')}
          value={o.to ?? ''}
          onChange={({ currentTarget }) => o.onDays({ to: currentTarget.value || undefined })}
        />
        {(o.from ?? o.to) !== undefined && (
          <Button size="xs" variant="subtle" onClick={() => o.onDays({ from: undefined, to: undefined })}>
            {t('restore.every-day')}
          </Button>
        )}
      </div>
      {points.length === 0 ? (
        <p className={classes['none']}>{t('restore.no-points')}</p>
      ) : (
        <div className={classes['scroll']}>
          <div ref={list} role="listbox" aria-label={t('restore.points')} aria-orientation="horizontal" onKeyDown={key}>
            <div className={classes['line']} role="presentation">
              {Array.from(days, ([day, ofDay]) => (
                <div key={day} role="group" aria-label={day} className={classes['day']}>
                  <div className={classes['date']} aria-hidden="true">
                    {day}
                  </div>
                  <div className={classes['points']} role="presentation">
                    {ofDay.map(({ point, index }) => {
                      const isChosen = index === at;
                      const label = (isAlone(point) ? formats.time : formats.clock)(point.takenAt);
                      return (
                        <div
                          key={`${point.repositoryId} ${point.id}`}
                          role="option"
                          aria-selected={isChosen}
                          aria-label={`${day}, ${label}`}
                          tabIndex={isChosen || (at < 0 && index === 0) ? 0 : -1}
                          data-point={index}
                          className={classes['point']}
                          title={`${formats.dateTime(point.takenAt)} · ${formats.bytes(point.totalBytes)}`}
                          onClick={() => o.onChoose(point)}
                          onKeyDown={({ key: pressed }) => {
                            if (pressed === 'Enter' || pressed === ' ') o.onChoose(point);
                          }}
                        >
                          {label}
                        </div>
                      );
                    })}
                  </div>
                </div>
              ))}
            </div>
          </div>
          {o.onOlder && (
            <Button size="xs" variant="default" className={classes['older'] ?? ''} onClick={o.onOlder}>
              {t('restore.older')}
            </Button>
          )}
        </div>
      )}
    </div>
  );
}

function isSame(one: CatalogueSnapshot, other: CatalogueSnapshot | undefined): boolean {
  return one.id === other?.id && one.repositoryId === other.repositoryId;
}

/** Whether no other point is of the same minute. */
function aloneIn(
  points: readonly CatalogueSnapshot[],
  minuteOf: (iso: string) => string,
): (point: CatalogueSnapshot) => boolean {
  const minutes = Map.groupBy(points, ({ takenAt }) => minuteOf(takenAt));
  return ({ takenAt }) => minutes.get(minuteOf(takenAt))?.length === 1;
}
