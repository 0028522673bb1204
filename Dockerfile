# flan_jax on a CPU: docker build -t flan_jax . && docker run -v "$PWD/out:/srv/flan_jax/out" flan_jax run --gin_file=gin/runs/tiny.gin
FROM python:3.12-slim

WORKDIR /srv/flan_jax
COPY . .
RUN pip install --no-cache-dir -c constraints.txt .

ENTRYPOINT ["flan-jax"]
CMD ["--help"]
