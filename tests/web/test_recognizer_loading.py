import threading

import pytest

from app.errors import ModelError, ServiceUnavailable
from app.web.recognizer_loading import RecognizerLoader


def test_not_ready_until_loaded():
    release, recognizer = threading.Event(), object()
    loading = RecognizerLoader(lambda: release.wait(10) and recognizer)
    loading.start()
    assert not loading.wait(0)
    with pytest.raises(ServiceUnavailable, match="starting"):
        loading.recognizer()
    release.set()
    assert loading.wait(10)
    assert loading.recognizer() is recognizer
    assert loading.error is None


def test_expected_errors_are_one_sentence(capsys):
    def fail():
        raise ModelError("There is no model card.")

    loading = RecognizerLoader(fail)
    loading.start()
    assert not loading.wait(10)
    assert loading.error == "There is no model card."
    assert capsys.readouterr().err == "There is no model card.\n"
    with pytest.raises(ServiceUnavailable, match="operator"):
        loading.recognizer()


def test_unexpected_errors_are_logged_with_traceback(caplog):
    loading = RecognizerLoader(lambda: {}["missing"])
    loading.start()
    assert not loading.wait(10)
    assert "KeyError" in caplog.text
    assert "traceback" in loading.error
