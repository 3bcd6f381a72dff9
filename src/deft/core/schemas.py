"""Schemas of the pipeline's Parquet tables, a stage's output each."""

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
_SHUFFLED = pa.struct(  # answers with a donor's motion; null: the clip's own is not seen, or it is alone in its fold
    [
        ("donor", pa.string()),
        ("emotion", pa.string()),
        ("said_emotion", pa.string()),
        ("evidence", pa.list_(_EVIDENCE)),
    ]
)

_CLASSES = pa.struct([("3", pa.string()), ("5", pa.string()), ("7", pa.string())])  # null: no class there

SHEET = pa.schema(
    [
        ("row", pa.int32()),  # as a spreadsheet counts, from 1
        ("subject", pa.string()),
        ("name", pa.string()),
        ("kind", pa.string()),  # "micro" or "macro"
        ("part", pa.string()),  # of the dataset's own split; null: it has none
        ("onset", pa.int64()),  # frame numbers of the sheet
        ("apex", pa.int64()),
        ("offset", pa.int64()),
        ("fps", pa.float64()),
        ("emotion", pa.string()),
        ("coarse", pa.string()),
        ("classes", _CLASSES),
        ("objective", pa.int32()),
        ("aus", pa.list_(pa.struct(_CODE))),
        ("folders", pa.list_(pa.string())),  # where its frames may lie, the best first; may hold a *
        ("flow", pa.string()),  # or the file of its flow
        ("points", pa.list_(pa.float32())),  # its landmarks, as in `INDEX`
        ("note", pa.string()),  # what was substituted, corrected or left unread
        ("corrected", pa.list_(pa.string())),
        ("rejected", pa.string()),  # why the row cannot be used; null for a good one
    ]
)
TRUTH = pa.schema(  # of a rendered clip; frame pixels, positions in the clip's frames
    [
        ("clip", pa.string()),
        ("emotion", pa.string()),
        ("wrong", pa.string()),  # how the sheet errs: "still", "unlisted" or null
        (
            "moved",
            pa.list_(pa.struct([("unit", pa.int32()), ("side", pa.string()), ("amplitude_px", pa.float32())])),
        ),
        ("listed", pa.string()),  # the sheet's cell
        ("landmarks", pa.list_(pa.float32(), 136)),  # 68×2 at the onset
        ("head", pa.list_(pa.float32())),  # frames×2×3: onset's point → frame's
        ("profile", pa.list_(pa.float32())),  # a frame: share of the apex's expression
        ("onset", pa.int32()),
        ("apex", pa.int32()),
        ("offset", pa.int32()),
        ("blink", pa.bool_()),
    ]
)
TRUTH_FLOW = pa.schema(  # onset → apex, expression and eyes, without the head
    [
        ("clip", pa.string()),
        ("x0", pa.int32()),  # the first value's place in the frame
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
        ("part", pa.string()),  # of the dataset's own split; null: it has none
        ("frames", pa.list_(pa.string())),  # relative to the dataset's root
        ("flow", pa.string()),  # or the file of a clip that comes as flow
        ("points", pa.list_(pa.float32())),  # its 68×2 landmarks, pixels of the field as the stage `flow` has it
        ("onset", pa.int32()),  # positions in `frames`, from 0
        ("apex", pa.int32()),
        ("offset", pa.int32()),
        ("fps", pa.float64()),
        ("emotion", pa.string()),
        ("coarse", pa.string()),
        ("classes", _CLASSES),  # among the 3, the 5, the 7
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
        ("frames", pa.list_(pa.string())),  # all that are there, by number; relative to the dataset's root
        ("fps", pa.float64()),
        (
            "intervals",  # by onset; none where the label sheet has no usable row of this recording
            pa.list_(
                pa.struct(
                    [
                        ("clip", pa.string()),  # the same row's key in `INDEX`
                        ("kind", pa.string()),  # "micro" or "macro"
                        ("onset", pa.int32()),  # positions in `frames`, from 0
                        ("apex", pa.int32()),
                        ("offset", pa.int32()),
                        ("emotion", pa.string()),
                        ("coarse", pa.string()),
                        ("aus", pa.list_(pa.struct(_CODE))),
                        ("note", pa.string()),  # what was substituted, corrected or left unread
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
        ("matrix", pa.list_(pa.float64(), 6)),  # 2×3, frame pixels → crop pixels
        ("crop", pa.binary()),  # PNG
    ]
)
LANDMARKS = pa.schema(
    [
        ("clip", pa.string()),
        ("points", pa.list_(pa.float32(), 136)),  # 68×2, crop pixels
        ("iod", pa.float32()),  # crop pixels
        ("regions", pa.list_(pa.struct([("region", pa.string()), ("polygon", pa.list_(pa.float32()))]))),
    ]
)
FLOW = pa.schema(
    [
        ("clip", pa.string()),
        ("step", pa.int32()),
        ("position", pa.int32()),  # in the index's `frames`
        ("shape", pa.list_(pa.int32(), 3)),
        ("flow", pa.list_(pa.float16())),  # H×W×2, crop pixels, x right, y down, onset → step, head motion removed
        ("head", pa.list_(pa.float32(), 6)),  # 2×3, the removed motion (deft.motion.compensation)
        ("residual", pa.float32()),  # crop pixels
        ("noise", pa.float32()),  # crop pixels
    ]
)
_REGION = pa.struct(
    [
        ("region", pa.string()),
        ("dx", pa.float32()),  # crop pixels
        ("dy", pa.float32()),
        ("out", pa.float32()),  # the same motion in face axes; on the midline: to the subject's left
        ("up", pa.float32()),
        ("magnitude", pa.float32()),
        ("z", pa.float32()),  # multiples of the clip's noise
        ("direction", pa.string()),
        ("concentration", pa.float32()),  # 0 … 1
        ("divergence", pa.float32()),  # crop pixels: how far the region's upper and lower halves part
        ("level", pa.string()),
        ("rise", pa.float32()),  # fraction of the way from onset to apex at which half of the motion is there
        ("peak", pa.float32()),  # fraction of the way from onset to apex
        ("noise", pa.float32()),  # crop pixels
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
        ("label", pa.string()),  # the class under task.labels; null: none there
        ("listed", pa.list_(pa.int32())),  # the sheet's units that move; of a choice those that the motion supports
        ("aus", pa.list_(pa.string())),  # what motion supports of them, as the text says it
        ("units", pa.list_(pa.int32())),
        ("moving", pa.list_(pa.int32())),  # every unit that the motion supports, listed or not
        ("seen", pa.list_(pa.string())),  # what each region shows, in the order of `deft.facs.regions.REGIONS`
        ("evidence", pa.list_(_EVIDENCE)),
        ("rationale", pa.string()),
        ("category", pa.string()),
        ("target", pa.string()),
        ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        ("dropped", pa.string()),  # why nobody trains on this clip; null: it is trained on
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
        ("without", pa.list_(pa.struct([("expert", pa.string()), ("emotion", pa.string())]))),  # its class if hidden
        ("units", pa.list_(pa.int32())),  # the head's units
        ("text", pa.string()),  # the answer as generated
        ("parsed", pa.bool_()),
        ("said_emotion", pa.string()),  # the answer's class; null: the text does not parse
        ("said_aus", pa.list_(pa.string())),
        ("evidence", pa.list_(_EVIDENCE)),
        ("rationale", pa.string()),
        ("shuffled", _SHUFFLED),
    ]
)
PROBE = "probe_"  # a baseline whose name begins so is the probe of an expert
BASELINES = pa.schema([("clip", pa.string()), ("baseline", pa.string()), ("emotion", pa.string())])
