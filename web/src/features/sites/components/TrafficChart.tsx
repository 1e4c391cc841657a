import { t } from '@/i18n';
import { bytes, count } from '@/ui/format';
import classes from './TrafficChart.module.css';
import { bars, dayName, type Measure, type TrafficDay } from './traffic';

/** A month day by day. The same numbers stand in a table for those who do not see it. */
export function TrafficChart({ days, measure }: { days: readonly TrafficDay[]; measure: Measure }) {
  const show = (value: number) => (measure === 'requests' ? count(value) : bytes(value));
  const all = bars(days, measure);
  const highest = Math.max(0, ...all.map(({ value }) => value));
  const [first, last] = [all[0], all.at(-1)];
  return (
    <figure className={classes.figure}>
      <div className={classes.top} aria-hidden>
        {show(highest)}
      </div>
      <div className={classes.bars} aria-hidden>
        {all.map(({ day, value, share }) => (
          <div key={day} className={classes.slot} title={t('sites.traffic.onDay', { day: dayName(day), amount: show(value) })}>
            <div className={classes.bar} style={{ height: `${share * 100}%` }} data-empty={value === 0 || undefined} />
          </div>
        ))}
      </div>
      <div className={classes.ends} aria-hidden>
        <span>{first && dayName(first.day)}</span>
        <span>{last && dayName(last.day)}</span>
      </div>
      {/* A table grows with what is in it, whatever its style says; its frame does not. */}
      <div className="mp-sr">
        <table>
          <caption>{t(`sites.traffic.measure.${measure}`)}</caption>
          <tbody>
            {all.map(({ day, value }) => (
              <tr key={day}>
                <th scope="row">{dayName(day)}</th>
                <td>{show(value)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  );
}
