import { Link } from '@tanstack/react-router';
import { useActing } from '@/api/acting';
import { t } from '@/i18n';
import { Mark } from '@/ui/Brand';
import { Attention } from './Attention';
import { visibleNav } from './nav';
import classes from './Shell.module.css';

export function Rail({ onNavigate }: { onNavigate?: () => void }) {
  const { paths, can } = useActing();
  return (
    <nav aria-label={t('shell.nav.label')}>
      <Link to={paths.overview} className={classes.brand} onClick={onNavigate}>
        <Mark />
        {t('shell.product')}
      </Link>
      <div className={classes.nav}>
        {visibleNav(can).map((group, index) => (
          <div key={group.label ?? index}>
            {group.label && <div className={classes.group}>{t(group.label)}</div>}
            {group.items.map((item) => (
              <Link key={item.label} to={item.to(paths)} className={classes.link} activeOptions={{ exact: item.exact ?? false }} onClick={onNavigate}>
                <item.icon size={17} strokeWidth={1.8} aria-hidden />
                {t(item.label)}
                {item.attention && <Attention />}
              </Link>
            ))}
          </div>
        ))}
      </div>
    </nav>
  );
}
