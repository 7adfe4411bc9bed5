"""`ship`: write the model card, the weights and the gallery of a trained or pretrained network."""

from pathlib import Path

import click

from app.cli import common
from app.cli.training_options import FILE, FOLDER, GALLERY, LFW, OUTPUT, WORK, progress_bars
from app.settings import Settings


@click.command(context_settings=common.renamed_options(licence="license"))
@click.argument("faces", metavar="FACES_FOLDER", type=FOLDER)
@WORK
@GALLERY
@LFW
@click.option("--model", type=OUTPUT, help="Model card to write. Default: FACES_MODEL.")
@click.option("--anchors", type=OUTPUT, help="Gallery to write. Default: FACES_ANCHORS.")
@click.option("--data", default="", help="Description of the training data, for the model card.")
@click.option("--pretrained", type=FILE, help="ONNX file to ship instead of the trained network, such as SFace's.")
@click.option("--source", default="", help="Origin of the pretrained file, for the model card.")
@click.option("--license", default="", help="License of the pretrained weights, for the model card.")
def ship(
    faces: Path,
    work: Path,
    gallery: str,
    lfw: Path | None,
    model: Path | None,
    anchors: Path | None,
    data: str,
    pretrained: Path | None,
    source: str,
    license: str,
) -> None:
    """Write the model card, weights and gallery of the trained network.

    Chooses anchors, thresholds and quality floor on faces that the network was not trained on. In the gallery folder,
    names.json maps folder names to the spelling of names, and left_out.json lists people who do not join. Next:
    evaluate.
    """
    if pretrained and not (source and license):
        raise click.UsageError("--pretrained needs --source and --license: the model card names both.")
    settings = Settings()
    model, anchors = model or settings.model, anchors or settings.anchors
    with progress_bars() as progress:
        from app.recognition.impostor_faces import write_impostors
        from app.training.calibration.calibrate import calibrate
        from app.training.data import labeled_faces
        from app.training.data.crops import Pipeline
        from app.training.release import export
        from app.training.release.gallery import write_gallery
        from app.vision.detection import Detector

        if pretrained:
            weights, about = export.read_onnx(pretrained, source, license)
        else:
            weights, about = export.trained_weights(work / "run")
        network = export.provisional_network(weights, about)
        pipeline = Pipeline(Detector.from_settings(settings), network, work, progress)
        loaded = labeled_faces.load(faces, lfw, gallery, anchors, pipeline)
        rules, floor, _ = calibrate(loaded, pipeline, pretrained is not None)
        raw = export.describe(about, data, settings.detector)
        ranges = export.sample_ranges(network, loaded)
        card = export.write_card(model, raw, weights, rules, floor, ranges)
        # No threshold was chosen on the test impostors, so that `people check` and `calibrate` can use them.
        write_impostors(model, card.id, loaded.embeddings[loaded.positions("test-impostor")])
        write_gallery(anchors, card.id, loaded, floor, progress)
    click.echo(f"Wrote {model}, its weights and impostors, and the gallery {anchors}.")
    click.echo(f"Next: whopic evaluate {faces}")
