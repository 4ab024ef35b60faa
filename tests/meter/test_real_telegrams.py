"""Every real telegram says what its own text says.

The table was worked out from the text of the files, without p1meter. The files are not ours to ship: where they are not
beside the repository this is skipped, and the composed telegrams of twins.py stand in for them.
"""

from datetime import datetime
from decimal import Decimal
from pathlib import Path
import re
from typing import NamedTuple

import pytest

from p1meter.meter import DecryptionKeys, Reader, Rejected, Telegram
from tests.meter.twins import check

TELEGRAMS = Path(__file__).resolve().parents[3] / "shared" / "telegrams"

pytestmark = pytest.mark.skipif(not TELEGRAMS.is_dir(), reason="needs the real telegrams in ../shared/telegrams")

# File, profile (name, country, version) and the meter's time; below it what must be in it, as twins.check reads it.
TABLE = """
at-els5-minimum.txt at AT 5.0 2023-04-08T04:12:38+02:00
    equipment_id~20428685 import_tariff_1=10386.411kWh import_tariff_2=7757.005kWh export_tariff_1=0.140kWh
    export_tariff_2=0.000kWh power_import=0.000kW power_export=0.000kW import_total=18143.416kWh
    export_total=0.140kWh power=0W dsmr_version~50 !power_l1
at-sagemcom-est5-976.txt at AT 5.0 2021-09-02T21:57:13+02:00
    import_total=326641Wh import_tariff_1=230515Wh import_tariff_2=96126Wh export_total=4998Wh
    export_tariff_1=1350Wh export_tariff_2=3648Wh power_import=621W power_export=0W power=621W
    reactive_import_total=5672varh reactive_import_tariff_1=1954varh reactive_import_tariff_2=3718varh
    reactive_export_total=253220varh reactive_export_tariff_1=168985varh reactive_export_tariff_2=84235varh
    reactive_power_import=0var reactive_power_export=510var !equipment_id
be-fluvius-13-peaks-cut-down.txt be BE 50217 -
    1:gas=8538.167m3@2024-07-08T20:04:59+02:00 dsmr_version~50217
    demand_month_peak=1.811kW@2024-07-07T19:15:00+02:00 demand_month_peak_time@2024-07-07T19:15:00+02:00
    demand_last_month_peak=3.841kW@2024-06-18T19:15:00+02:00 demand_average_12m=3.519kW
    1:last_measured@2024-07-08T20:04:59+02:00 !1:equipment_id !equipment_id !power !import_total
be-fluvius-2021-gas.txt be BE - 2021-10-24T19:52:35+02:00
    equipment_id~1111111111111111111111111111 import_tariff_1=4248.198kWh import_tariff_2=6615.642kWh
    export_tariff_1=2278.958kWh export_tariff_2=908.264kWh power_import=0.507kW power_export=0.000kW
    import_total=10863.840kWh export_total=3187.222kWh power=507W power_l1=245W power_l2=0W power_l3=261W
    tariff~night 1:gas=3775.342m3@2021-10-24T19:50:05+02:00 1:equipment_id~AAAAA1111111111111111111111
    1:valve_state~open breaker_state~connected limiter_threshold=-kW fuse_threshold=-A voltage_l2=0.0V
    voltage_l3=226.7V current_l2=1.94A message=- !dsmr_version
be-fluvius-50213-single-gas.txt be BE 50213 2019-09-05T14:23:15+02:00
    equipment_id~1SAG1100007190 import_tariff_1=244.844kWh import_tariff_2=226.027kWh export_tariff_1=139.553kWh
    export_tariff_2=45.390kWh power_import=0.000kW power_export=0.198kW import_total=470.871kWh
    export_total=184.943kWh power=-198W tariff~day 1:gas=71.724m3@2019-09-05T14:20:01+02:00
    1:equipment_id~7FLO2119017052 1:valve_state~open breaker_state~connected limiter_threshold=-kW fuse_threshold=-A
    voltage_l1=240.0V current_l1=2A !power_l1 !voltage_l2 1:device_type~003
    1:last_measured@2019-09-05T14:20:01+02:00
be-fluvius-invalid-gas.txt be BE 50213 2019-11-28T00:00:00+01:00
    equipment_id~1234567890123456789012345678 import_tariff_1=123.456kWh import_tariff_2=234.567kWh
    export_tariff_1=345.678kWh export_tariff_2=456.789kWh power_import=1.234kW power_export=0.000kW
    import_total=358.023kWh export_total=802.467kWh power=1234W tariff~day breaker_state~connected
    limiter_threshold=-kW fuse_threshold=-A voltage_l1=234.5V current_l1=5A !1:gas !1:valve_state !1:equipment_id
be-fluvius-no-star-units.txt be BE 50215 2021-02-27T14:49:33+01:00
    equipment_id~A234567890123456789012345678 import_tariff_1=1247.747kWh import_tariff_2=2330.879kWh
    export_tariff_1=2159.427kWh export_tariff_2=812.563kWh power_import=0.000kW power_export=0.149kW
    import_total=3578.626kWh export_total=2971.990kWh power=-149W power_l1=13W power_l2=108W power_l3=-271W
    tariff~night 1:gas=996.617m3@2021-02-27T14:46:00+01:00 1:equipment_id~1234567890123456789012345678
    1:valve_state~open voltage_l1=234.5V voltage_l2=234.0V voltage_l3=235.1V current_l1=0.19A current_l2=0.80A
    current_l3=1.39A limiter_threshold=-kW fuse_threshold=-A
be-fluvius-pv-1.txt be BE 50216 2022-06-16T15:27:35+02:00
    equipment_id~1SAG3100249257 import_tariff_1=204.472kWh import_tariff_2=224.593kWh export_tariff_1=667.199kWh
    export_tariff_2=373.373kWh power_import=0.000kW power_export=3.789kW import_total=429.065kWh
    export_total=1040.572kWh power=-3789W power_l1=-1280W power_l2=-1312W power_l3=-1197W tariff~day
    dsmr_version~50216 voltage_l3=241.2V current_l2=5.46A limiter_threshold=-kW fuse_threshold=-A !demand_current
be-fluvius-pv-3.txt be BE 50217 2023-07-30T10:58:18+02:00
    equipment_id~1SAG3100249257 import_tariff_1=3092.393kWh import_tariff_2=3064.322kWh export_tariff_1=6450.681kWh
    export_tariff_2=2668.805kWh power_import=0.000kW power_export=5.061kW import_total=6156.715kWh
    export_total=9119.486kWh power=-5061W power_l1=-2681W power_l2=-2561W power_l3=181W tariff~night
    demand_current=0.000kW demand_month_peak=6.408kW@2023-07-16T18:15:00+02:00
    demand_month_peak_time@2023-07-16T18:15:00+02:00 demand_last_month_peak=8.682kW@2023-06-18T18:15:00+02:00
    demand_average_12m=7.618kW
be-fluvius-v1.7.1-gas-water.txt be BE 50217 2020-05-12T13:54:09+02:00
    equipment_id~1SAG3101021605 import_tariff_1=0.034kWh import_tariff_2=15.758kWh export_tariff_1=0.000kWh
    export_tariff_2=0.011kWh power_import=0.000kW power_export=0.000kW import_total=15.792kWh export_total=0.011kWh
    power=0W power_l1=0W power_l2=0W power_l3=0W tariff~day 1:gas=112.384m3@2020-05-12T13:45:58+02:00
    1:equipment_id~7FLO2119033733 1:valve_state~open 2:water=872.234m3@2020-05-12T13:45:58+02:00
    2:equipment_id~8SAG1234567890 demand_current=2.351kW demand_month_peak=2.589kW@2020-05-09T13:45:58+02:00
    demand_last_month_peak=3.695kW@2020-04-23T19:25:38+02:00 demand_average_12m=4.664kW breaker_state~connected
    2:device_type~007
be-fluvius-water-ch1-gas-ch2.txt be BE 50217 2023-04-21T16:53:28+02:00
    equipment_id~1SAG3105209493 import_tariff_1=56.913kWh import_tariff_2=184.024kWh export_tariff_1=83.503kWh
    export_tariff_2=15.696kWh power_import=0.000kW power_export=1.739kW import_total=240.937kWh
    export_total=99.199kWh power=-1739W power_l1=188W power_l2=0W power_l3=-1928W tariff~day
    1:water=3.830m3@2023-04-21T16:51:02+02:00 1:equipment_id~8SET0000837964
    2:gas=107.812m3@2023-04-21T16:49:59+02:00 2:equipment_id~7FLO2123015189 2:valve_state~open
    demand_current=0.000kW demand_month_peak=4.509kW@2023-04-11T22:30:00+02:00 demand_last_month_peak=-
    demand_average_12m=- voltage_l2=0.0V !1:valve_state
dk-lgf5e360-497.txt h1 SE - 2023-03-27T06:42:30+01:00
    import_total=2564.183kWh export_total=67.342kWh power_import=0.002kW power_export=0.007kW power=-5W
    power_l1=-14W power_l2=2W power_l3=8W reactive_import_total=0.284kvarh reactive_export_total=2130.176kvarh
    reactive_power_export=0.244kvar reactive_power_export_l1=0.196kvar voltage_l1=229.4V current_l1=0.9A
    !equipment_id !tariff
hu-aux-9903106618.txt hu HU - 2023-08-17T17:14:30+02:00
    equipment_id~9903106618 import_total=812.421kWh import_tariff_1=470.111kWh import_tariff_2=342.310kWh
    export_total=1714.369kWh export_tariff_1=1233.413kWh export_tariff_2=480.956kWh power_import=0.250kW
    power_export=0.168kW power=82W tariff~tariff_1 logical_device_name~AUX1030303106618 breaker_state~connected
    limiter_threshold=90.000kW import_tariff_3=0.000kWh import_tariff_4=0.000kWh export_tariff_3=0.000kWh
    reactive_import_total=18.858kvarh reactive_export_total=439.269kvarh reactive_q1=11.481kvarh
    reactive_q2=7.377kvarh reactive_q3=186.705kvarh reactive_q4=252.564kvarh energy_combined=2526.790kWh
    power_factor=0.336 power_factor_l1=0.842 power_factor_l2=0.989 power_factor_l3=0.845 frequency=49.99Hz
    reactive_power_q3=0.066kvar reactive_power_q4=0.159kvar fuse_threshold_l1=200A fuse_threshold_l2=200A
    fuse_threshold_l3=200A !fuse_threshold message=- last_month_import_total=663.924kWh@2023-08-01T00:00:00+02:00
    last_month_import_tariff_1=383.623kWh@2023-08-01T00:00:00+02:00
    last_month_import_tariff_2=280.301kWh@2023-08-01T00:00:00+02:00
    last_month_export_total=1304.175kWh@2023-08-01T00:00:00+02:00
    last_month_export_tariff_1=906.937kWh@2023-08-01T00:00:00+02:00
    last_month_export_tariff_2=397.238kWh@2023-08-01T00:00:00+02:00
    last_month_reactive_import_total=15.142kvarh@2023-08-01T00:00:00+02:00
    last_month_reactive_export_total=333.817kvarh@2023-08-01T00:00:00+02:00
    last_month_reactive_q1=9.479kvarh@2023-08-01T00:00:00+02:00
    last_month_reactive_q2=5.663kvarh@2023-08-01T00:00:00+02:00
    last_month_reactive_q3=142.881kvarh@2023-08-01T00:00:00+02:00
    last_month_reactive_q4=190.936kvarh@2023-08-01T00:00:00+02:00
    last_month_energy_combined=1968.098kWh@2023-08-01T00:00:00+02:00
    last_month_demand_import=12.212kW@2023-08-01T00:00:00+02:00
    last_month_demand_import_tariff_1=12.212kW@2023-08-01T00:00:00+02:00
    last_month_demand_import_tariff_2=11.320kW@2023-08-01T00:00:00+02:00
    last_month_demand_export=5.220kW@2023-08-01T00:00:00+02:00
    last_month_demand_export_tariff_1=5.220kW@2023-08-01T00:00:00+02:00
    last_month_demand_export_tariff_2=5.144kW@2023-08-01T00:00:00+02:00
hu-sag-sagemcom.txt hu HU - 2023-07-24T15:07:30+02:00
    equipment_id~890082200002160 import_total=173.640kWh import_tariff_1=47.719kWh import_tariff_2=125.921kWh
    export_total=627.177kWh export_tariff_1=401.829kWh export_tariff_2=225.348kWh power_import=0.000kW
    power_export=2.601kW power=-2601W tariff~tariff_1 logical_device_name~SAG3082200002160 breaker_state~connected
    limiter_threshold=90.000kW energy_combined=800.817kWh power_factor=- power_factor_l1=- power_factor_l2=-
    power_factor_l3=- frequency=50.00Hz fuse_threshold_l1=200.00A
    last_month_import_total=40.777kWh@2023-07-01T00:00:00+02:00
    last_month_demand_import_tariff_1=2.156kW@2023-07-01T00:00:00+02:00
    last_month_demand_export_tariff_2=3.400kW@2023-07-01T00:00:00+02:00
lt-eso5.txt lt LT - 2024-02-14T10:18:55+02:00
    equipment_id~80043700621613125392642700336368 import_total=360.152kWh import_tariff_1=232.998kWh
    import_tariff_2=81.859kWh export_total=7.296kWh power_import=0.000kW power_export=0.024kW power=-24W
    power_l1=-24W power_l2=0W power_l3=0W power_failures#39 import_tariff_3=9.963kWh import_tariff_4=35.332kWh
    reactive_import_total=14.422kvarh frequency=49.0Hz power_factor=-1.000 power_factor_l1=-0.910
    power_factor_l2=1.000 message~setP1_extended_3ph voltage_sags_l1#1 voltage_swells_l3#0 !tariff
lu-smarty-253663629.txt lu LU 4.2 2018-01-30T10:21:22+01:00
    equipment_id~SAG1030700114004 import_total=6.695kWh export_total=0.025kWh power_import=0.000kW
    power_export=0.000kW power=0W power_failures#69 limiter_threshold=77.376 reactive_import_total=0.818kvarh
    reactive_export_total=2.745kvarh reactive_power_import=0.000 reactive_power_export=0.007 breaker_state~connected
    voltage_sags_l1#44 message=- message_2=- message_5=- !logical_device_name !tariff
lu-smarty-spec-example.txt lu LU 4.2 2020-07-06T10:41:57+02:00
    equipment_id~SAG1030790002574 import_total=25.653kWh export_total=0.040kWh power_import=0.005kW
    power_export=0.000kW power=5W power_l1=5W power_l2=0W power_l3=0W power_failures#99
    1:gas=0.006m3@2020-07-06T10:31:40+02:00 1:equipment_id~FLO189900060355 1:valve_state~closed
    4:gas=28.103m3@2020-07-06T10:29:00+02:00 4:equipment_id~ELS353589980300 4:valve_state~open
    limiter_threshold=69.0kVA apparent_power_import=0.021kVA apparent_power_export=0.000kVA fuse_threshold=100A
    fuse_threshold_export=63A breaker_state~connected relay_1~off relay_2~off voltage_l1=233.0V voltage_l2=0.0V
    reactive_import_total=0.835kvarh reactive_export_total=63.781kvarh !2:water !3:water !2:valve_state
    4:last_measured@2020-07-06T10:29:00+02:00 message_3=-
nl-v2.2-iskra-mt382-1003-b.txt nl2 NL 2.2/3 -
    equipment_id~ZBEV005106844912 import_tariff_1=16719.940kWh import_tariff_2=19403.220kWh
    export_tariff_1=859.681kWh export_tariff_2=1817.057kWh power_import=0.89kW power_export=0.00kW
    import_total=36123.160kWh export_total=2676.738kWh power=890W tariff~normal
    2:gas=13368.864m3@2021-11-22T21:00:00+01:00 2:equipment_id~28011008306429013 limiter_threshold=999.00kW
    breaker_state~connected message_code=- message=- 2:valve_state~open 2:last_measured@2021-11-22T21:00:00+01:00
    !telegram_time !dsmr_version !power_l1
nl-v2.2-iskra-mt382-1003.txt nl2 NL 2.2/3 -
    equipment_id~ZBBD005130276512 import_tariff_1=36.133kWh import_tariff_2=17.004kWh export_tariff_1=0.002kWh
    export_tariff_2=0.003kWh power_import=0.01kW power_export=0.04kW import_total=53.137kWh export_total=0.005kWh
    power=-30W tariff~normal 1:gas=1.160m3@2013-01-10T10:00:00+01:00 1:equipment_id~28101541006596512
    limiter_threshold=999.00kW breaker_state~connected 1:valve_state~open
nl-v2.2-iskra-mt382-1004-anon.txt nl2 NL 2.2/3 -
    equipment_id=- import_tariff_1=1.001kWh import_tariff_2=1.001kWh export_tariff_1=1.001kWh
    export_tariff_2=1.001kWh power_import=1.01kW power_export=0.00kW import_total=2.002kWh export_total=2.002kWh
    power=1010W tariff~low 1:gas=1.001m3@2016-11-07T19:00:00+01:00 1:equipment_id=- breaker_state~connected
    1:device_type~3 1:valve_state~open
nl-v2.2-kamstrup-zabf0015517.txt nl2 NL 2.2/3 -
    equipment_id~ZABF00151772711 import_tariff_1=5080.475kWh import_tariff_2=5008.385kWh export_tariff_1=0.000kWh
    export_tariff_2=0.000kWh power_import=0.68kW power_export=0.00kW import_total=10088.860kWh export_total=0.000kWh
    power=680W tariff~low 2:gas=2025.003m3@2016-01-17T12:00:00+01:00 2:equipment_id~28101541007162412
    !limiter_threshold !breaker_state !2:valve_state
nl-v2.2-kamstrup162-ka6u.txt nl2 NL 2.2/3 -
    equipment_id~KA6U001660297912 import_tariff_1=68.000kWh import_tariff_2=24.000kWh export_tariff_1=27.000kWh
    export_tariff_2=28.000kWh power_import=0.00kW power_export=0.12kW import_total=92.000kWh export_total=55.000kWh
    power=-120W tariff~normal 1:gas=54.386m3@2012-11-06T15:00:00+01:00 1:equipment_id~28101541004022211
    limiter_threshold=-A breaker_state~connected 1:valve_state~open
nl-v2.2-xmx-abce1001.txt nl2 NL 2.2/3 -
    equipment_id~0123456789 import_tariff_1=3687.771kWh import_tariff_2=4456.167kWh export_tariff_1=1450.360kWh
    export_tariff_2=3098.554kWh power_import=0.00kW power_export=0.62kW import_total=8143.938kWh
    export_total=4548.914kWh power=-620W tariff~normal 1:gas=5271.144m3@2019-02-18T12:00:00+01:00
    1:equipment_id~0123456789 1:device_type~03
nl-v3-spec-example.txt nl2 NL 2.2/3 -
    equipment_id~K8EG004046395507 import_tariff_1=12345.678kWh import_tariff_2=12345.678kWh
    export_tariff_1=12345.678kWh export_tariff_2=12345.678kWh power_import=1.19kW power_export=0.00kW
    import_total=24691.356kWh export_total=24691.356kWh power=1190W tariff~normal
    1:gas=0.000m3@2009-02-12T16:00:00+01:00 1:equipment_id~2222ABCD123456789 limiter_threshold=16A
    breaker_state~connected message_code~012345678
    message~0123456789:;<=>?0123456789:;<=>?0123456789:;<=>?0123456789:;<=>?0123456789:;<=>? 1:valve_state~open
nl-v3-xmx-e350.txt nl2 NL 2.2/3 -
    equipment_id~12693072 import_tariff_1=7654.321kWh import_tariff_2=1234.567kWh export_tariff_1=0.000kWh
    export_tariff_2=0.000kWh power_import=0.32kW power_export=0.00kW import_total=8888.888kWh export_total=0.000kWh
    power=320W tariff~normal !1:gas
nl-v4-kaifa-arduino.txt nl4 NL 4.0 2015-01-17T18:59:16+01:00
    equipment_id=- import_tariff_1=671.578kWh import_tariff_2=842.472kWh export_tariff_1=0.000kWh
    export_tariff_2=0.000kWh power_import=0.333kW power_export=0.000kW import_total=1514.050kWh
    export_total=0.000kWh power=333W power_l1=332W tariff~low power_failures#8 power_failures_long#7
    last_power_failure=- 1:gas=473.789m3@2015-01-17T18:00:00+01:00 1:equipment_id=- 1:valve_state~open
    dsmr_version~40 limiter_threshold=-kW breaker_state~connected current_l1=1A voltage_sags_l1#0
nl-v4-kaifa-wassasin.txt nl4 NL 4.2 2022-09-01T15:22:01+02:00
    equipment_id~E0026000024153615 import_tariff_1=6285.065kWh import_tariff_2=6758.327kWh export_tariff_1=0.000kWh
    export_tariff_2=0.000kWh power_import=0.335kW power_export=0.000kW import_total=13043.392kWh
    export_total=0.000kWh power=335W power_l1=254W power_l2=83W power_l3=0W tariff~normal power_failures#3
    power_failures_long#4 last_power_failure@2022-08-26T14:58:25+02:00 1:gas=4836.851m3@2022-09-01T15:00:00+02:00
    1:equipment_id~G0025003276855515 voltage_sags_l1#2 current_l1=1A
nl-v4-xmx-231216240.txt nl4 NL 4.0 2000-01-01T01:00:00+01:00
    equipment_id~E0004001591092214 import_tariff_1=1990.002kWh import_tariff_2=0.000kWh export_tariff_1=0.000kWh
    export_tariff_2=0.000kWh power_import=0.000kW power_export=0.000kW import_total=1990.002kWh
    export_total=0.000kWh power=0W tariff~low power_failures#23 power_failures_long#0 last_power_failure=-
    limiter_threshold=-kW !power_l1
nl-v4.2-kaifa-ma105.txt nl4 NL 4.2 2016-11-13T20:57:57+01:00
    equipment_id~3960221976967177082151037881335713 import_tariff_1=1581.123kWh import_tariff_2=1435.706kWh
    export_tariff_1=0.000kWh export_tariff_2=0.000kWh power_import=2.027kW power_export=0.000kW
    import_total=3016.829kWh export_total=0.000kWh power=2027W power_l1=170W power_l2=1247W power_l3=209W
    tariff~normal power_failures#15 power_failures_long#7 last_power_failure=-
    1:gas=981.443m3@2016-11-29T20:00:00+01:00 1:equipment_id~4819243993373755377509728609491464 current_l2=6A
nl-v4.2-kaifa-ma304.txt nl4 NL 4.2 2018-03-06T12:30:56+01:00
    equipment_id~E0003000002124813 import_tariff_1=4726.494kWh import_tariff_2=4844.281kWh
    export_tariff_1=3284.320kWh export_tariff_2=7764.691kWh power_import=0.000kW power_export=1.869kW
    import_total=9570.775kWh export_total=11049.011kWh power=-1869W power_l1=-688W power_l2=-778W power_l3=-403W
    tariff~normal power_failures#13 power_failures_long#7 last_power_failure=-
    1:gas=5359.919m3@2018-03-06T12:00:00+01:00 1:equipment_id~G0016561203580113
nl-v4.2-kaifa-nb.txt nl4 NL 4.2 2020-04-10T10:24:33+02:00
    equipment_id~E0123456789 import_tariff_1=3000.497kWh import_tariff_2=1000.248kWh export_tariff_1=1000.458kWh
    export_tariff_2=3000.394kWh power_import=0.105kW power_export=0.000kW import_total=4000.745kWh
    export_total=4000.852kWh power=105W power_l1=105W tariff~normal power_failures#0 power_failures_long#0
    last_power_failure=- 2:gas=2000.671m3@2020-04-10T10:00:00+02:00 2:equipment_id~E0123456789
nl-v4.2-spec-example.txt nl5 NL 5.0 2017-01-02T19:20:02+01:00
    equipment_id~K8EG004046395507 import_tariff_1=4.426kWh import_tariff_2=2.399kWh export_tariff_1=2.444kWh
    export_tariff_2=0.000kWh power_import=0.244kW power_export=0.000kW import_total=6.825kWh export_total=2.444kWh
    power=244W power_l1=70W power_l2=32W power_l3=142W tariff~normal power_failures#13 power_failures_long#0
    last_power_failure=- 1:gas=0.107m3@2017-01-02T16:10:05+01:00 1:equipment_id~2222ABCD123456789 dsmr_version~50
    voltage_l3=229.0V current_l1=0.48A !2:gas !2:equipment_id
nl-v4.2-xmx-1009089532.txt nl4 NL 4.2 2000-01-01T01:00:00+01:00
    equipment_id~E0030003111959715 import_tariff_1=24.487kWh import_tariff_2=30.536kWh export_tariff_1=0.528kWh
    export_tariff_2=0.000kWh power_import=0.000kW power_export=0.000kW import_total=55.023kWh export_total=0.528kWh
    power=0W power_l1=4W power_l2=0W power_l3=0W tariff~normal power_failures#116 power_failures_long#0
    last_power_failure=- voltage_sags_l1#11 voltage_sags_l2#28 !1:gas
nl-v4.2-xmx-1012463817.txt nl4 NL 4.2 2018-06-24T02:40:02+02:00
    equipment_id~E0031003262764316 import_tariff_1=2200.945kWh import_tariff_2=1961.604kWh export_tariff_1=0.000kWh
    export_tariff_2=0.000kWh power_import=0.378kW power_export=0.000kW import_total=4162.549kWh
    export_total=0.000kWh power=378W power_l1=378W tariff~low power_failures#3 power_failures_long#1
    last_power_failure@2017-02-14T08:13:46+01:00 1:gas=968.481m3@2018-06-24T02:00:00+02:00
    1:equipment_id~G0025003360855716
nl-v4.2-xmx-unregistered-gas.txt nl4 NL 4.2 2016-11-16T20:10:35+01:00
    equipment_id~E0031003277898816 import_tariff_1=75.067kWh import_tariff_2=84.813kWh export_tariff_1=0.000kWh
    export_tariff_2=0.000kWh power_import=2.778kW power_export=0.000kW import_total=159.880kWh export_total=0.000kWh
    power=2778W power_l1=2778W tariff~normal power_failures#2 power_failures_long#0 last_power_failure=- !1:gas
    !1:equipment_id
nl-v4.2-xmx-zcf100.txt nl4 NL 4.2 2016-11-16T20:10:35+01:00
    equipment_id~E0031003277898816 import_tariff_1=75.067kWh import_tariff_2=84.813kWh export_tariff_1=0.000kWh
    export_tariff_2=0.000kWh power_import=2.778kW power_export=0.000kW import_total=159.880kWh export_total=0.000kWh
    power=2778W power_l1=2778W tariff~normal power_failures#2 power_failures_long#0 last_power_failure=-
    1:gas=66.405m3@2016-11-16T20:00:00+01:00 1:equipment_id~G0045001608107216
nl-v5-iskra-1011-jk.txt nl5 NL 5.0 2017-05-31T20:14:44+02:00
    equipment_id~E0034006824910117 import_tariff_1=0.626kWh import_tariff_2=2.564kWh export_tariff_1=0.000kWh
    export_tariff_2=0.000kWh power_import=0.532kW power_export=0.000kW import_total=3.190kWh export_total=0.000kWh
    power=532W power_l1=56W power_l2=270W power_l3=206W tariff~normal power_failures#4 power_failures_long#2
    last_power_failure=- 1:gas=0.038m3@2017-05-31T20:10:08+02:00 1:equipment_id~G0032565509904117
nl-v5-iskra-1012-2019.txt nl5 NL 5.0 2019-03-24T15:14:45+01:00
    equipment_id~E0044007131650618 import_tariff_1=3432.921kWh import_tariff_2=3224.632kWh export_tariff_1=0.000kWh
    export_tariff_2=0.000kWh power_import=0.744kW power_export=0.000kW import_total=6657.553kWh
    export_total=0.000kWh power=744W power_l1=44W power_l2=11W power_l3=681W tariff~low power_failures#5
    power_failures_long#3 last_power_failure@2018-04-17T20:14:58+02:00 !1:gas voltage_l1=237.1V current_l3=3A
nl-v5-iskra-1012-jk.txt nl5 NL 5.0 2018-01-04T23:19:41+01:00
    equipment_id~E0044006903312917 import_tariff_1=156.167kWh import_tariff_2=71.546kWh export_tariff_1=0.000kWh
    export_tariff_2=0.000kWh power_import=0.519kW power_export=0.000kW import_total=227.713kWh export_total=0.000kWh
    power=519W power_l1=122W power_l2=237W power_l3=158W tariff~low power_failures#9 power_failures_long#5
    last_power_failure@2017-06-11T00:17:06+02:00 1:gas=212.529m3@2018-01-04T23:15:07+01:00
    1:equipment_id~G0039001763378717 voltage_l1=234.8V voltage_swells_l2#2 message=-
    1:last_measured@2018-01-04T23:15:07+01:00 1:device_type~003
nl-v5-iskra-1013.txt nl5 NL 5.0 2023-10-26T20:40:15+02:00
    equipment_id~E0054008559129023 import_tariff_1=32.159kWh import_tariff_2=2.167kWh export_tariff_1=2.376kWh
    export_tariff_2=0.000kWh power_import=0.302kW power_export=0.000kW import_total=34.326kWh export_total=2.376kWh
    power=302W power_l1=250W power_l2=42W power_l3=0W tariff~normal power_failures#5 power_failures_long#3
    last_power_failure@2023-01-14T12:11:28+01:00 1:gas=4.381m3@2023-10-26T20:40:04+02:00
    1:equipment_id~G0089565611198723
nl-v5-iskra-am550e-1011-pv.txt nl5 NL 5.0 2023-05-21T13:35:16+02:00
    equipment_id~E0033006877344617 import_tariff_1=3211.396kWh import_tariff_2=2025.059kWh
    export_tariff_1=4697.961kWh export_tariff_2=10993.348kWh power_import=0.000kW power_export=1.376kW
    import_total=5236.455kWh export_total=15691.309kWh power=-1376W power_l1=-1364W tariff~low power_failures#10
    power_failures_long#6 last_power_failure@2021-07-27T18:36:30+02:00 1:gas=3199.256m3@2023-05-21T13:35:05+02:00
    1:equipment_id~G0032565509460817
nl-v5-iskra-am550e.txt nl5 NL 5.0 2019-03-20T18:14:03+01:00
    equipment_id~E0043007052870318 import_tariff_1=576.239kWh import_tariff_2=465.162kWh export_tariff_1=0.000kWh
    export_tariff_2=0.000kWh power_import=0.193kW power_export=0.000kW import_total=1041.401kWh
    export_total=0.000kWh power=193W power_l1=193W tariff~normal power_failures#9 power_failures_long#8
    last_power_failure@2019-03-16T12:31:41+01:00 1:gas=304.089m3@2019-03-20T18:10:03+01:00
    1:equipment_id~G0032565535520117
nl-v5-iskra-gas-on-channel2.txt nl5 NL 5.0 2020-04-26T22:33:25+02:00
    equipment_id~E0044007382246019 import_tariff_1=2130.115kWh import_tariff_2=245.467kWh export_tariff_1=0.000kWh
    export_tariff_2=0.000kWh power_import=0.111kW power_export=0.000kW import_total=2375.582kWh
    export_total=0.000kWh power=111W power_l1=56W power_l2=0W power_l3=55W tariff~low power_failures#5
    power_failures_long#3 last_power_failure@2019-03-26T09:50:15+01:00 2:gas=246.138m3@2020-04-26T22:30:01+02:00
    2:equipment_id~G0039001936990619 !1:gas !1:device_type voltage_sags_l3#192
nl-v5-mcs-anon.txt nl5 NL 5.0 -
    equipment_id=- import_tariff_1=1.000kWh import_tariff_2=2.000kWh export_tariff_1=3.000kWh
    export_tariff_2=4.000kWh power_import=0.096kW power_export=0.000kW import_total=3.000kWh export_total=7.000kWh
    power=96W power_l1=100W power_l2=100W power_l3=100W tariff~normal power_failures#0 power_failures_long#4
    last_power_failure=- telegram_time=- !1:gas !1:device_type
nl-v5-sagemcom-cx2000.txt nl5 NL 5.0 2018-12-02T06:09:10+01:00
    equipment_id~STTTT123450027317 import_tariff_1=98.508kWh import_tariff_2=0.000kWh export_tariff_1=0.917kWh
    export_tariff_2=0.000kWh power_import=0.004kW power_export=0.000kW import_total=98.508kWh export_total=0.917kWh
    power=4W power_l1=4W power_l2=0W power_l3=0W tariff~low power_failures#933 power_failures_long#108
    last_power_failure@2018-12-01T03:08:14+01:00 !1:gas voltage_sags_l1#60
nl-v5-sagemcom-t210d.txt nl5 NL 5.0 2019-08-16T12:51:18+02:00
    equipment_id~E0048000035856219 import_tariff_1=1.200kWh import_tariff_2=1.766kWh export_tariff_1=0.092kWh
    export_tariff_2=0.000kWh power_import=0.479kW power_export=0.000kW import_total=2.966kWh export_total=0.092kWh
    power=479W power_l1=186W power_l2=12W power_l3=281W tariff~normal power_failures#7 power_failures_long#3
    last_power_failure=- !1:gas !1:equipment_id voltage_l2=243.0V
nl-v5-sagemcom-t211.txt nl5 NL 5.0 2023-11-24T21:56:58+01:00
    equipment_id~E0062000013122923 import_tariff_1=341.156kWh import_tariff_2=265.076kWh export_tariff_1=469.838kWh
    export_tariff_2=945.206kWh power_import=0.499kW power_export=0.000kW import_total=606.232kWh
    export_total=1415.044kWh power=499W power_l1=87W power_l2=88W power_l3=323W tariff~normal power_failures#15
    power_failures_long#9 last_power_failure@2023-07-23T12:56:46+02:00
nl-v5-sagemcom-xs210-sensate.txt nl5 NL 5.0 2021-02-20T12:15:34+01:00
    equipment_id~E0047000005843817 import_tariff_1=2533.967kWh import_tariff_2=2055.686kWh
    export_tariff_1=446.215kWh export_tariff_2=1103.484kWh power_import=0.000kW power_export=0.306kW
    import_total=4589.653kWh export_total=1549.699kWh power=-306W power_l1=-306W tariff~low power_failures#444
    power_failures_long#6 last_power_failure@2020-03-11T15:06:38+01:00 1:gas=2745.056m3@2021-02-20T12:15:00+01:00
    1:equipment_id~G0053003580446717
nl-v5-sagemcom-xs210.txt nl5 NL 5.0 2023-10-17T09:04:42+02:00
    equipment_id~E0047000044666518 import_tariff_1=8243.448kWh import_tariff_2=10196.219kWh export_tariff_1=0.005kWh
    export_tariff_2=0.000kWh power_import=3.229kW power_export=0.000kW import_total=18439.667kWh
    export_total=0.005kWh power=3229W power_l1=3229W tariff~normal power_failures#103 power_failures_long#4
    last_power_failure@2023-06-08T11:10:28+02:00 1:gas=4547.595m3@2023-10-17T09:00:00+02:00
    1:equipment_id~G0059003906271519
nl-v5-ziv-b.txt nl5 NL 5.0 2023-09-25T16:00:23+02:00
    equipment_id~E0069000712520520 import_tariff_1=9481.954kWh import_tariff_2=5767.918kWh
    export_tariff_1=2791.691kWh export_tariff_2=6808.329kWh power_import=0.157kW power_export=1.634kW
    import_total=15249.872kWh export_total=9600.020kWh power=-1477W power_l1=-1662W power_l2=146W power_l3=10W
    tariff~normal power_failures#154 power_failures_long#158 last_power_failure@2023-09-21T09:06:08+02:00
    1:gas=4611.403m3@2023-09-25T16:00:00+02:00 1:equipment_id~G0072004001819220
nl-v5-ziv-gas.txt nl5 NL 5.0 2021-03-31T17:39:17+02:00
    equipment_id~E0069000712520520 import_tariff_1=51.394kWh import_tariff_2=30.884kWh export_tariff_1=27.851kWh
    export_tariff_2=102.295kWh power_import=0.224kW power_export=1.827kW import_total=82.278kWh
    export_total=130.146kWh power=-1603W power_l1=-1827W power_l2=199W power_l3=25W tariff~normal power_failures#145
    power_failures_long#47 last_power_failure@2020-10-29T04:03:54+01:00 1:gas=55.416m3@2021-03-31T17:35:00+02:00
    1:equipment_id~G0072004001819220
se-aidon-6534-a.txt h1 SE - 2022-11-01T21:45:20+01:00
    import_total=6619.795kWh export_total=0.000kWh power_import=0.345kW power_export=0.000kW power=345W power_l1=36W
    power_l2=105W power_l3=191W reactive_import_total=3137.803kvarh reactive_export_total=269.488kvarh
    reactive_power_import=0.000kvar reactive_power_export=0.132kvar reactive_power_export_l1=0.057kvar
    reactive_power_import_l2=0.046kvar voltage_l1=231.5V current_l3=0.9A !equipment_id
se-ell5-aviborg.txt h1 SE - 2020-10-20T08:52:22+01:00
    import_total=1605.055kWh export_total=0.131kWh power_import=6.000kW power_export=0.000kW power=6000W
    power_l1=3172W power_l2=441W power_l3=2386W reactive_export_total=185.707kvarh
    reactive_power_import_l2=0.200kvar current_l1=13.6A
se-kam5-578.txt h1 SE - 2024-04-07T12:28:54+02:00
    import_total=9621.983kWh export_total=0.000kWh power_import=1.453kW power_export=0.000kW power=1453W
    power_l1=1218W power_l2=213W power_l3=22W reactive_export_total=2496.779kvarh voltage_l2=241.4V
se-kam5-dsmrreader.txt h1 SE - 2021-11-15T10:09:40+01:00
    import_total=3.997kWh export_total=0.000kWh power_import=0.000kW power_export=0.000kW power=0W power_l1=0W
    power_l2=0W power_l3=0W
se-lgf5e360-382.txt h1 SE - 2022-12-15T15:50:50+01:00
    import_total=2721.126kWh export_total=0.000kWh power_import=4.190kW power_export=0.000kW power=4190W
    power_l1=1980W power_l2=354W power_l3=1855W reactive_power_import_l1=1.072kvar
se-lgf5e360-export.txt h1 SE - 2021-02-22T16:19:00+01:00
    import_total=896.020kWh export_total=48.792kWh power_import=0.000kW power_export=0.020kW power=-20W
    power_l1=-12W power_l2=-71W power_l3=63W
se-lgf5e360-troll.txt h1 SE - 2021-01-06T16:07:10+01:00
    import_total=1574.141kWh export_total=2.061kWh power_import=2.202kW power_export=0.000kW power=2202W
    power_l1=795W power_l2=1404W power_l3=2W
si-isk9-am550.txt si SI - 2025-10-02T22:25:53+02:00
    equipment_id~96815390 import_total=317.695kWh import_tariff_1=162.246kWh import_tariff_2=155.449kWh
    export_total=0.000kWh export_tariff_1=0.000kWh export_tariff_2=0.000kWh power_import=2.356kW
    power_export=0.000kW power=2356W power_l1=0W power_l2=2212W power_l3=143W
    telegram_time@2025-10-02T22:25:53+02:00 meter_error~00000000 voltage_l1=234.6V current_l2=9A !tariff
nl-v5-damaged-cut-then-whole.txt nl5 NL 5.0 2022-05-28T15:02:45+02:00
    equipment_id~E0044007131650618 import_tariff_1=16366.258kWh import_tariff_2=13315.593kWh
    export_tariff_1=2434.785kWh export_tariff_2=6153.962kWh import_total=29681.851kWh export_total=8588.747kWh
    power_import=0.000kW power_export=2.857kW power=-2857W power_l1=52W power_l2=-3572W power_l3=666W tariff~low
    power_failures#5 power_failures_long#4 last_power_failure@2022-05-25T09:43:46+02:00 !1:gas
nl-ace4000-gprs.txt generic - - -
    equipment_id~1234567890123456 import_total=12345.074kWh import_tariff_1=12345.074kWh export_total=0.000kWh
    export_tariff_1=0.000kWh tariff~tariff_1 power_absolute=123W limiter_threshold=85A breaker_state~connected
    0:gas=1240.690m3@2019-01-01T13:00:00+01:00 0:last_measured@2019-01-01T13:00:00+01:00 0:valve_state~closed
    !power !power_import !3:equipment_id
iec-easymeter-q3db1024.txt d0 - - -
    equipment_id~1ESY1313002565 import_total=52185.7825309kWh export_total=19949.3221493kWh power_import=2124.86W
    power_import_l1=747.85W power_import_l2=737.28W power_import_l3=639.73W power=2124.86W power_l1=747.85W
    power_l2=737.28W power_l3=639.73W meter_status~80
iec-easymeter-q3da1024.txt d0 - - -
    equipment_id~1ESY1127000167 import_total=0.7801269kWh export_total=7041.2292533kWh
    power_import=-142.30W power=-142.30W power_import_l1=-73.69W power_import_l2=0.00W power_import_l3=-68.61W
    power_l1=-73.69W power_l2=0.00W power_l3=-68.61W meter_status~A2 !power_export
iec-emh-ehz-a.txt d0 - - -
    equipment_id~0000680476 import_tariff_1=32942.0231 meter_status~80 !import_total
iec-hager-ehz.txt d0 - - -
    equipment_id~0000067865 import_total=1.2963 meter_status~82 voltage_l2=228.38V current_l2=0.16A
    power_import_l2=26W power_l2=26W !power
iec-elster-v9.30.txt iec - - -
    equipment_id~1234567890123456 meter_error~00 meter_status~00 import_total=285.4kWh export_total=120.1kWh !power
iec-elster-v9.35.bin iec - - 2024-09-04T06:30:58+02:00
    equipment_id~1ELS0012345678 io_state_0~00110000 power_import=0.004kW power_export=0.000kW power=4W
    voltage_l1=233.7V voltage_l2=233.4V voltage_l3=233.5V current_l1=0.000A current_l2=0.082A current_l3=0.000A
    reactive_power_import=0.000kvar reactive_power_export=0.032kvar apparent_power_import=0.032kVA
    apparent_power_export=0.000kVA export_total=17422.710kWh !import_total
iec-iskra-itr5-em214.txt iec - - -
    equipment_id~53965555 meter_error~00000000 firmware_version~V01.69#EEA3546C parameter_version~00017245
    power_import=0.49kW power_export=0.00kW power=490W import_tariff_1=22108.7kWh import_tariff_2=0.0kWh
    export_tariff_1=10452.0kWh export_tariff_2=0.0kWh import_total=22108.7kWh export_total=10452.0kWh
    current_l1=0.8A current_l2=0.7A current_l3=1.2A meter_status~L1-L2-L3 battery_voltage=3.78V
iec-iskra-mt174.txt iec - - 2017-03-18T20:14:55+01:00
    equipment_id~63355730 reset_counter#33 firmware_version~1.03 power_import=0.908kW power_export=0.000kW power=908W
    demand_month_peak=2.468kW@2017-03-10T09:30:00+01:00 demand_month_peak_time@2017-03-10T09:30:00+01:00
    demand_export_peak=0.000kW@2017-03-18T20:15:00+01:00 import_total=8048.375kWh import_tariff_1=8048.375kWh
    import_tariff_2=0.000kWh import_tariff_3=0.000kWh import_tariff_4=0.000kWh export_total=0.000kWh
    export_tariff_1=0.000kWh meter_error~0000000 !demand_month_peak_tariff_1
iec-landisgyr-zmf100-m27.txt iec - - -
    equipment_id~18438636 meter_error~00 import_tariff_1=0.000kWh import_tariff_2=219.251kWh export_tariff_1=0.000kWh
    export_tariff_2=0.000kWh import_total=219.252kWh export_total=0.000kWh energy_combined=219.252kWh
    power_failures#4 voltage_l1=233V voltage_l2=233V voltage_l3=234V current_l1=2.30A current_l2=2.32A
    current_l3=2.97A power=1.66kW firmware_version~M27 meter_status~1420 !power_import
"""

# What is refused, and why (INDEX.md, column "expect").
REFUSED = {
    "at-sagemcom-encrypted-1.bin": ["cipher"],
    "at-sagemcom-encrypted-2.bin": ["cipher"],
    "at-sagemcom-est5-decrypted-no-end.txt": ["timeout"],
    "at-sagemcom-est5-units-ffff.txt": ["crc"],
    "be-emucs-v2.1.1-spec-1.txt": ["crc"],
    "be-fluvius-crc-three-digits.txt": ["crc"],
    "be-iskra-ie5t-testvalues.txt": ["crc"],
    "dk-kam5-712-damaged.txt": ["crc"],
    "iec-ace-3k260.txt": ["crc"],
    "iec-heat-siemens-2wr5.txt": ["crc"],
    "iec-kamstrup-mc66-heat.txt": ["crc"],
    "iec-metcom-mcs5-table1.bin": ["truncated"],
    "lu-smarty-encrypted.bin": ["cipher"],
    "nl-v4.2-damaged-lost-byte.txt": ["crc"],
    "nl-v4.2-damaged-overwritten-buffer.txt": ["crc"],
    "nl-v5-damaged-bitflips-e360.txt": ["timeout", "truncated"],
    "nl-v5-spec-example.txt": ["crc"],
    "nl-warmtelink-heat.txt": ["crc"],
    "pl-egm5g35-encrypted.bin": ["cipher"],
}

# Objects with one number, as they stand in a line; the keys are those of the register table.
PLAIN = {
    "1-0:1.8.0": "import_total",
    "1-0:1.8.1": "import_tariff_1",
    "1-0:1.8.2": "import_tariff_2",
    "1-0:1.8.3": "import_tariff_3",
    "1-0:1.8.4": "import_tariff_4",
    "1-0:2.8.0": "export_total",
    "1-0:2.8.1": "export_tariff_1",
    "1-0:2.8.2": "export_tariff_2",
    "1-0:2.8.3": "export_tariff_3",
    "1-0:2.8.4": "export_tariff_4",
    "1-0:15.8.0": "energy_combined",
    "1-0:3.8.0": "reactive_import_total",
    "1-0:4.8.0": "reactive_export_total",
    "1-0:5.8.0": "reactive_q1",
    "1-0:6.8.0": "reactive_q2",
    "1-0:7.8.0": "reactive_q3",
    "1-0:8.8.0": "reactive_q4",
    "1-0:1.7.0": "power_import",
    "1-0:2.7.0": "power_export",
    "1-0:3.7.0": "reactive_power_import",
    "1-0:4.7.0": "reactive_power_export",
    "1-0:5.7.0": "reactive_power_q1",
    "1-0:6.7.0": "reactive_power_q2",
    "1-0:7.7.0": "reactive_power_q3",
    "1-0:8.7.0": "reactive_power_q4",
    "1-0:9.7.0": "apparent_power_import",
    "1-0:10.7.0": "apparent_power_export",
    "1-0:21.7.0": "power_import_l1",
    "1-0:41.7.0": "power_import_l2",
    "1-0:61.7.0": "power_import_l3",
    "1-0:22.7.0": "power_export_l1",
    "1-0:42.7.0": "power_export_l2",
    "1-0:62.7.0": "power_export_l3",
    "1-0:23.7.0": "reactive_power_import_l1",
    "1-0:43.7.0": "reactive_power_import_l2",
    "1-0:63.7.0": "reactive_power_import_l3",
    "1-0:24.7.0": "reactive_power_export_l1",
    "1-0:44.7.0": "reactive_power_export_l2",
    "1-0:64.7.0": "reactive_power_export_l3",
    "1-0:32.7.0": "voltage_l1",
    "1-0:52.7.0": "voltage_l2",
    "1-0:72.7.0": "voltage_l3",
    "1-0:31.7.0": "current_l1",
    "1-0:51.7.0": "current_l2",
    "1-0:71.7.0": "current_l3",
    "1-0:14.7.0": "frequency",
    "1-0:1.4.0": "demand_current",
    "1-0:32.32.0": "voltage_sags_l1",
    "1-0:52.32.0": "voltage_sags_l2",
    "1-0:72.32.0": "voltage_sags_l3",
    "1-0:32.36.0": "voltage_swells_l1",
    "1-0:52.36.0": "voltage_swells_l2",
    "1-0:72.36.0": "voltage_swells_l3",
    "0-0:96.7.21": "power_failures",
    "0-0:96.7.9": "power_failures_long",
}


class Expected(NamedTuple):
    """One block of the table."""

    file: str
    profile: tuple[str | None, ...]
    time: datetime | None
    rows: tuple[str, ...]


def expectations() -> list[Expected]:
    found: list[Expected] = []
    for line in TABLE.strip().splitlines():
        if line.startswith(" "):
            found[-1] = found[-1]._replace(rows=(*found[-1].rows, *line.split()))
        else:
            file, *profile, time = line.split()
            at = None if time == "-" else datetime.fromisoformat(time)
            found.append(Expected(file, tuple(None if part == "-" else part for part in profile), at, ()))
    return found


def read(file: str, keys: DecryptionKeys | None = None) -> list[Telegram | Rejected]:
    reader = Reader(keys)
    return reader.feed((TELEGRAMS / file).read_bytes()) + reader.close()


def telegram_of(file: str) -> Telegram:
    found = [item for item in read(file) if isinstance(item, Telegram)]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("expected", expectations(), ids=lambda expected: expected.file)
def test_a_real_telegram_says_what_its_text_says(expected: Expected) -> None:
    telegram = telegram_of(expected.file)

    assert (telegram.profile.name, telegram.profile.country, telegram.profile.version) == expected.profile
    assert telegram.time == expected.time
    if expected.time is not None and telegram.time is not None:
        assert telegram.time.isoformat() == expected.time.isoformat()
    for row in expected.rows:
        check(telegram.readings, row)


@pytest.mark.parametrize("expected", expectations(), ids=lambda expected: expected.file)
def test_every_plain_number_of_a_real_telegram_is_read(expected: Expected) -> None:
    telegram = telegram_of(expected.file)
    text = telegram.raw.decode("latin-1")
    # A whole line `code(number*unit)`, with or without star, unit or sign, from 0 upwards. Codes of P1 have all their
    # parts; those of IEC meters lack the first, or say 255 for parts of the end that tell nothing.
    lines = re.findall(
        r"^(([01]-0:)?(\d+\.\d+(?:\.(?!255\b)\d+)?)(?:\.255)?(?:\*255)?)\(([+-]?[\d.]+)\*?([A-Za-z]*)\)\r?$",
        text,
        re.MULTILINE,
    )

    compared = 0
    for code, channel, short, number, unit in lines:
        plain = f"{channel or '1-0:'}{short}{'' if short.count('.') == 2 else '.0'}"
        if plain in PLAIN:
            compared += 1
            reading = telegram.readings[PLAIN[plain]]
            assert str(reading.obis) == code
            assert reading.value == Decimal(number)
            assert (reading.unit or "").lower() == unit.lower()
    # Of one its finder kept only the lines of its peaks.
    assert (compared == 0) is (expected.file == "be-fluvius-13-peaks-cut-down.txt")


@pytest.mark.parametrize("file", REFUSED)
def test_a_real_telegram_is_refused_for_its_reason(file: str) -> None:
    (refused,) = read(file)

    assert isinstance(refused, Rejected)
    assert refused.reason in REFUSED[file]


def test_what_is_refused_and_why_is_what_their_list_says() -> None:
    rows = re.findall(r"^\| (\S+) \|.*\| (.+?) \|$", (TELEGRAMS / "INDEX.md").read_text(), re.MULTILINE)
    # Here nobody has a key, and nobody asks.
    refusals = {
        file: re.match(r"(?:accept with the key given here, )?refuse \(([a-z ]+)", expect) for file, expect in rows
    }

    assert {file: found[1].split(" or ") for file, found in refusals.items() if found} == REFUSED


def test_one_whose_keys_are_published_opens_with_them() -> None:
    key, second = "0123456789abcdef0123456789abcdef", "ffeeddccbbaa99887766554433221100"
    (telegram,) = read("lu-smarty-encrypted.bin", DecryptionKeys(bytes.fromhex(key), bytes.fromhex(second)))

    assert isinstance(telegram, Telegram)
    assert telegram.readings == telegram_of("lu-smarty-spec-example.txt").readings


@pytest.mark.parametrize(
    "file", ["at-sagemcom-encrypted-1.bin", "at-sagemcom-encrypted-2.bin", "lu-smarty-encrypted.bin"]
)
def test_with_another_key_it_is_refused_for_that(file: str) -> None:
    (refused,) = read(file, DecryptionKeys(bytes(range(16)), bytes(range(16, 32))))

    assert isinstance(refused, Rejected)
    assert refused.reason == "key"


def test_the_first_of_two_glued_telegrams_that_was_cut_is_refused() -> None:
    first, second = read("nl-v5-damaged-cut-then-whole.txt")

    assert isinstance(first, Rejected)
    assert first.reason in {"truncated", "crc"}
    assert isinstance(second, Telegram)


def test_no_file_is_forgotten() -> None:
    files = {path.name for path in TELEGRAMS.iterdir() if path.name not in {"INDEX.md", "reserve.bin"}}

    assert files == {expected.file for expected in expectations()} | set(REFUSED)
