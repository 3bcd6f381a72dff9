"""Schemas of the pipeline's Parquet tables, one or more per stage."""

import pyarrow as pa

_CODE = [
    ("unit", pa.int32()),
    ("side", pa.string()),
    ("asymmetric", pa.bool_()),
    ("part", pa.string()),
    ("intensity", pa.string()),
    ("static", pa.bool_()),
    ("referenced", pa.bool_()),
    ("alternative", pa.int32()),
    ("option", pa.int32()),
]
_EVIDENCE = pa.struct(
    [("region", pa.string()), ("direction", pa.string()), ("level", pa.string()), ("timing", pa.string())]
)
_SHUFFLED = pa.struct(  # answer with a donor's motion; null: the clip or all others of its fold lack motion tokens
    [
        ("donor", pa.string()),
        ("emotion", pa.string()),
        ("said_emotion", pa.string()),
        ("evidence", pa.list_(_EVIDENCE)),
    ]
)

_CLASSES = pa.struct([("3", pa.string()), ("5", pa.string()), ("7", pa.string())])  # under task.labels; null: no class

SHEET = pa.schema(
    [
        ("row", pa.int32()),  # number in the spreadsheet, from 1
        ("subject", pa.string()),
        ("name", pa.string()),
        ("kind", pa.string()),  # "micro" or "macro"
        ("part", pa.string()),  # of the dataset's own split; null: the dataset has none
        ("onset", pa.int64()),  # frame numbers of the sheet
        ("apex", pa.int64()),
        ("offset", pa.int64()),
        ("fps", pa.float64()),
        ("emotion", pa.string()),
        ("coarse", pa.string()),
        ("classes", _CLASSES),
        ("objective", pa.int32()),
        ("aus", pa.list_(pa.struct(_CODE))),
        ("folders", pa.list_(pa.string())),  # where its frames may be, the best first; may hold a *
        ("flow", pa.string()),  # or the file of its flow field
        ("points", pa.list_(pa.float32())),  # landmarks, as in `INDEX`
        ("note", pa.string()),  # what was substituted, corrected or not read
        ("corrected", pa.list_(pa.string())),
        ("rejected", pa.string()),  # why the row cannot be used; null: it can
    ]
)
TRUTH = pa.schema(  # of a rendered clip; frame px; positions in the clip's frames
    [
        ("clip", pa.string()),
        ("emotion", pa.string()),
        ("wrong", pa.string()),  # the error in the sheet: "still", "unlisted" or null
        (
            "moved",
            pa.list_(pa.struct([("unit", pa.int32()), ("side", pa.string()), ("amplitude_px", pa.float32())])),
        ),
        ("listed", pa.string()),  # the sheet's cell
        ("landmarks", pa.list_(pa.float32(), 136)),  # 68×2 at the onset
        ("head", pa.list_(pa.float32())),  # frames×2×3: onset px → frame px
        ("profile", pa.list_(pa.float32())),  # per frame: share of the expression at the apex
        ("onset", pa.int32()),
        ("apex", pa.int32()),
        ("offset", pa.int32()),
        ("blink", pa.bool_()),
    ]
)
TRUTH_FLOW = pa.schema(  # onset → apex: motion of expression and eyes without the head
    [
        ("clip", pa.string()),
        ("x0", pa.int32()),  # frame px of the first value
        ("y0", pa.int32()),
        ("stride", pa.int32()),
        ("shape", pa.list_(pa.int32(), 3)),
        ("flow", pa.list_(pa.float16())),
    ]
)
INDEX = pa.schema(
    [
        ("clip", pa.string()),
        ("dataset", pa.string()),
        ("subject", pa.string()),
        ("name", pa.string()),
        ("kind", pa.string()),  # "micro" or "macro"
        ("part", pa.string()),  # of the dataset's own split; null: the dataset has none
        ("frames", pa.list_(pa.string())),  # relative to the dataset's root
        ("flow", pa.string()),  # or the file of a clip that comes as flow
        ("points", pa.list_(pa.float32())),  # 68×2 landmarks of such a clip, px of the field in the stage `flow`
        ("onset", pa.int32()),  # positions in `frames`, from 0
        ("apex", pa.int32()),
        ("offset", pa.int32()),
        ("fps", pa.float64()),
        ("emotion", pa.string()),
        ("coarse", pa.string()),
        ("classes", _CLASSES),  # under task.labels 3, 5 and 7
        ("objective", pa.int32()),
        ("aus", pa.list_(pa.struct(_CODE))),
        ("note", pa.string()),
    ]
)
RECORDINGS = pa.schema(  # of datasets whose frames are whole recordings; empty for the others
    [
        ("recording", pa.string()),  # <dataset>/<subject>/<name>
        ("dataset", pa.string()),
        ("subject", pa.string()),
        ("name", pa.string()),
        ("frames", pa.list_(pa.string())),  # all existing ones, by number; relative to the dataset's root
        ("fps", pa.float64()),
        (
            "intervals",  # by onset; none where the label sheet has no usable row of this recording
            pa.list_(
                pa.struct(
                    [
                        ("clip", pa.string()),  # key of the same row in `INDEX`
                        ("kind", pa.string()),  # "micro" or "macro"
                        ("onset", pa.int32()),  # positions in `frames`, from 0
                        ("apex", pa.int32()),
                        ("offset", pa.int32()),
                        ("emotion", pa.string()),
                        ("coarse", pa.string()),
                        ("aus", pa.list_(pa.struct(_CODE))),
                        ("note", pa.string()),  # what was substituted, corrected or not read
                    ]
                )
            ),
        ),
        ("rejected", pa.list_(pa.string())),  # why other rows of this recording are not among its intervals
    ]
)
CROP = pa.schema(
    [
        ("clip", pa.string()),
        ("position", pa.int32()),  # in the index's `frames`
        ("matrix", pa.list_(pa.float64(), 6)),  # 2×3, frame px → crop px
        ("crop", pa.binary()),  # PNG
    ]
)
LANDMARKS = pa.schema(
    [
        ("clip", pa.string()),
        ("points", pa.list_(pa.float32(), 136)),  # 68×2, crop px
        ("iod", pa.float32()),  # crop px
        ("regions", pa.list_(pa.struct([("region", pa.string()), ("polygon", pa.list_(pa.float32()))]))),
    ]
)
FLOW = pa.schema(
    [
        ("clip", pa.string()),
        ("step", pa.int32()),
        ("position", pa.int32()),  # in the index's `frames`
        ("shape", pa.list_(pa.int32(), 3)),
        ("flow", pa.list_(pa.float16())),  # H×W×2, crop px, x right, y down, onset → step, head motion removed
        ("head", pa.list_(pa.float32(), 6)),  # 2×3, the removed motion (deft.motion.compensation)
        ("residual", pa.float32()),  # crop px
        ("noise", pa.float32()),  # crop px
    ]
)
_REGION = pa.struct(
    [
        ("region", pa.string()),
        ("dx", pa.float32()),  # crop px
        ("dy", pa.float32()),
        ("out", pa.float32()),  # the same motion in face axes; on the midline: towards the subject's left
        ("up", pa.float32()),
        ("magnitude", pa.float32()),
        ("z", pa.float32()),  # multiples of the clip's noise
        ("direction", pa.string()),
        ("concentration", pa.float32()),  # 0 … 1
        ("divergence", pa.float32()),  # crop px: how far the upper and lower halves of the region move apart
        ("level", pa.string()),
        ("rise", pa.float32()),  # fraction of the time from onset to apex at which half of the motion is reached
        ("peak", pa.float32()),  # fraction of the time from onset to apex
        ("noise", pa.float32()),  # crop px
        ("verdict", pa.string()),
    ]
)
VERIFY = pa.schema(
    [
        ("clip", pa.string()),
        ("regions", pa.list_(_REGION)),  # in the order of `deft.facs.regions.REGIONS`
        (
            "aus",  # as the sheet lists them
            pa.list_(pa.struct([("code", pa.string()), *_CODE, ("score", pa.float32()), ("verdict", pa.string())])),
        ),
        (
            "units",  # every observable unit: how likely it moved, if it is as likely to have moved as not
            pa.list_(
                pa.struct(
                    [
                        ("unit", pa.int32()),
                        ("score", pa.float32()),  # on either side
                        ("right", pa.float32()),
                        ("left", pa.float32()),
                        ("moved", pa.bool_()),  # whether the motion shows it, listed or not
                    ]
                )
            ),
        ),
        ("consistency", pa.float32()),
    ]
)
TRIPLES = pa.schema(
    [
        ("clip", pa.string()),
        ("dataset", pa.string()),
        ("subject", pa.string()),
        ("part", pa.string()),
        ("emotion", pa.string()),
        ("coarse", pa.string()),
        ("label", pa.string()),  # the class under task.labels; null: no class
        ("listed", pa.list_(pa.int32())),  # units in the sheet that can move; of alternatives the supported ones
        ("aus", pa.list_(pa.string())),  # those that the motion supports, as written in the text
        ("units", pa.list_(pa.int32())),
        ("moving", pa.list_(pa.int32())),  # every unit that the motion supports, listed or not
        ("seen", pa.list_(pa.string())),  # the phrase of each region, in the order of `deft.facs.regions.REGIONS`
        ("evidence", pa.list_(_EVIDENCE)),
        ("rationale", pa.string()),
        ("category", pa.string()),
        ("target", pa.string()),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("dropped", pa.string()),  # why the clip is not trained on; null: it is
    ]
)
FOLDS = pa.schema(
    [
        ("fold", pa.string()),
        ("role", pa.string()),  # "train" or "test"
        ("clip", pa.string()),
        ("person", pa.string()),  # dataset/subject
    ]
)
FEATURES = pa.schema([("clip", pa.string()), ("tokens", pa.list_(pa.list_(pa.float32())))])
PREDICTIONS = pa.schema(
    [
        ("clip", pa.string()),
        ("fold", pa.string()),
        ("emotion", pa.string()),  # the head's class
        ("probabilities", pa.list_(pa.struct([("emotion", pa.string()), ("p", pa.float32())]))),
        ("without", pa.list_(pa.struct([("expert", pa.string()), ("emotion", pa.string())]))),  # the head's class
        ("units", pa.list_(pa.int32())),  # the head's units
        ("text", pa.string()),  # the answer as generated
        ("parsed", pa.bool_()),
        ("said_emotion", pa.string()),  # the class in the text; null: the text does not parse
        ("said_aus", pa.list_(pa.string())),
        ("evidence", pa.list_(_EVIDENCE)),
        ("rationale", pa.string()),
        ("shuffled", _SHUFFLED),
    ]
)
PROBE = "probe_"  # prefix of a baseline that is the linear probe of an expert
BASELINES = pa.schema([("clip", pa.string()), ("baseline", pa.string()), ("emotion", pa.string())])
