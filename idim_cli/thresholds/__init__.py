"""From rows of runs to d_int: value, interval, verdict, and what to run next."""

from idim_cli.thresholds.all_readings import readings as readings
from idim_cli.thresholds.estimation import estimate as estimate
from idim_cli.thresholds.estimation import read as read
from idim_cli.thresholds.grouping import Group as Group
from idim_cli.thresholds.grouping import label as label
from idim_cli.thresholds.grouping import select as select
from idim_cli.thresholds.next_step import TableOrigin as TableOrigin
from idim_cli.thresholds.options import PAPER as PAPER
from idim_cli.thresholds.options import Options as Options
from idim_cli.thresholds.reading import Reading as Reading
from idim_cli.thresholds.results_folder import read_runs as read_runs
from idim_cli.thresholds.results_folder import recorded_options as recorded_options
from idim_cli.thresholds.results_folder import table_origin as table_origin
from idim_cli.thresholds.samples import Points as Points
from idim_cli.thresholds.samples import Sample as Sample
from idim_cli.thresholds.samples import points as points
from idim_cli.thresholds.samples import sample as sample
from idim_cli.thresholds.table_estimates import Estimate as Estimate
from idim_cli.thresholds.table_estimates import require_any as require_any
from idim_cli.thresholds.table_estimates import threshold as threshold
from idim_cli.thresholds.text import describe as describe
from idim_cli.thresholds.text import facts as facts
from idim_cli.thresholds.text import number as number
