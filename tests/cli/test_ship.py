import pytest
from click.testing import CliRunner

from app.cli import main


@pytest.mark.parametrize("given", [(), ("--source", "OpenCV Zoo"), ("--license", "Apache-2.0")])
def test_pretrained_weights_ship_with_source_and_license_only(tmp_path, given):
    (tmp_path / "sface.onnx").touch()
    command = ["ship", str(tmp_path), "--pretrained", str(tmp_path / "sface.onnx"), *given]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 2
    assert "--pretrained needs --source and --license" in done.output
