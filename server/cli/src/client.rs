//! Asking a host over its API.

use super::host::Host;
use anyhow::{Context as _, anyhow, bail};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use mdm_agent_protocol::sync::Problem;
use mdm_server_core::store::PluginFile;
use mdm_server_http::api::plugin::{SETTINGS_HEADER, SIGNATURE_HEADER};
use mdm_terminal::{
    escape::{self, Escaped},
    out::{self, OutputError},
    values,
};
use reqwest::{Method, RequestBuilder, Response, StatusCode, header::CONTENT_TYPE};
use serde::{Serialize, de::DeserializeOwned};
use std::io::Write;
use zeroize::Zeroizing;

/// A caller of the admin's API.
pub(super) struct Client {
    http: reqwest::Client,
    url: String,
    token: Zeroizing<String>,
    json: bool,
}

impl Client {
    pub(super) fn new(host: &Host) -> anyhow::Result<Self> {
        let token = match &host.token_file {
            Some(file) => std::fs::read_to_string(file)
                .with_context(|| format!("the token file {} can't be read", file.display()))?,
            None => std::env::var("MDM_TOKEN").context(
                "no token: put the admin's token into MDM_TOKEN, or name a file with --token-file. \
                 The host shows the token at its first start",
            )?,
        };
        let mut http = reqwest::Client::builder();
        if let Some(file) = &host.ca_file {
            let pem = std::fs::read(file)
                .with_context(|| format!("the CA file {} can't be read", file.display()))?;
            let authorities = reqwest::Certificate::from_pem_bundle(&pem)
                .with_context(|| format!("{} holds no PEM certificate", file.display()))?;
            http = http.tls_certs_only(authorities);
        } else if host.url.starts_with("http://") {
            // Reading the system's certificates takes longer than a request.
            http = http.tls_certs_only([]);
        }
        Ok(Self {
            http: http.build()?,
            url: host.url.trim_end_matches('/').to_owned(),
            token: Zeroizing::new(token.trim().to_owned()),
            json: host.json,
        })
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> anyhow::Result<T> {
        self.get_with(path, &[]).await
    }

    /// Asks with these parameters.
    pub(super) async fn get_with<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> anyhow::Result<T> {
        self.call(Method::GET, path, query, None::<&()>).await
    }

    /// Streams the response to a writer.
    pub(super) async fn download(
        &self,
        method: Method,
        path: &[&str],
        into: &mut impl Write,
    ) -> anyhow::Result<()> {
        let request = self.request(method, path, &[])?;
        let mut response = self.answer(request).await?;
        while let Some(bytes) = response
            .chunk()
            .await
            .context("the host's answer did not arrive whole")?
        {
            into.write_all(&bytes).map_err(OutputError::from)?;
        }
        Ok(into.flush().map_err(OutputError::from)?)
    }

    pub(super) async fn delete<T: DeserializeOwned>(&self, path: &[&str]) -> anyhow::Result<T> {
        self.call(Method::DELETE, path, &[], None::<&()>).await
    }

    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.call(Method::POST, path, &[], Some(body)).await
    }

    pub(super) async fn put<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.call(Method::PUT, path, &[], Some(body)).await
    }

    /// Hands over a plugin, with its signature and its settings.
    pub(super) async fn put_plugin<T: DeserializeOwned>(
        &self,
        path: &[&str],
        PluginFile { bytes, signature }: PluginFile,
        settings: Option<String>,
    ) -> anyhow::Result<T> {
        let mut request = self.request(Method::PUT, path, &[])?;
        if let Some(settings) = settings {
            request = request.header(SETTINGS_HEADER, BASE64.encode(settings));
        }
        if let Some(signature) = signature {
            request = request.header(SIGNATURE_HEADER, BASE64.encode(signature));
        }
        self.send(request.body(bytes)).await
    }

    /// Puts a text in JSON as it is, so that the server tells what is wrong with it.
    pub(super) async fn put_json<T: DeserializeOwned>(
        &self,
        path: &[&str],
        text: String,
    ) -> anyhow::Result<T> {
        let request = self.request(Method::PUT, path, &[])?;
        let request = request.header(CONTENT_TYPE, "application/json");
        self.send(request.body(text)).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
        body: Option<&impl Serialize>,
    ) -> anyhow::Result<T> {
        let mut request = self.request(method, path, query)?;
        if let Some(body) = body {
            request = request.json(body);
        }
        self.send(request).await
    }

    fn request(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, String)],
    ) -> anyhow::Result<RequestBuilder> {
        let mut url = reqwest::Url::parse(&self.url).with_context(|| {
            format!("`{}` is no address such as http://127.0.0.1:7878", self.url)
        })?;
        match url.path_segments_mut() {
            Ok(mut segments) => {
                segments.pop_if_empty().extend(["api", "v1"]).extend(path);
            }
            Err(()) => bail!("`{}` is no address such as http://127.0.0.1:7878", self.url),
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let request = self.http.request(method, url);
        Ok(request.bearer_auth(self.token.as_str()))
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> anyhow::Result<T> {
        let text = whole(self.answer(request).await?).await?;
        // A response without a body means success.
        let text = if text.is_empty() { &b"null"[..] } else { &text };
        serde_json::from_slice(text)
            .context("the host's answer is not what this version of mdm-server expects")
    }

    /// The host's answer, if it is no refusal.
    async fn answer(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let response = request.send().await.with_context(|| {
            format!(
                "the host at {} can't be reached: is `mdm-server serve` running there?",
                self.url
            )
        })?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        Err(self.refusal(status, &whole(response).await?))
    }

    fn refusal(&self, status: StatusCode, text: &[u8]) -> anyhow::Error {
        match serde_json::from_slice::<Problem>(text) {
            Ok(problem) if self.json => {
                match out::line(escape::json(&String::from_utf8_lossy(text))) {
                    Ok(()) => anyhow!("{}", Escaped(&problem.kind)),
                    Err(error) => error.into(),
                }
            }
            Ok(problem) => anyhow!("{} ({})", Escaped(&problem.detail), Escaped(&problem.kind)),
            Err(_) => anyhow!("the host at {} answered {status}", self.url),
        }
    }

    /// Prints an answer: as JSON for scripts, or as a page for people, which gets its texts escaped.
    pub(super) fn print<T: Serialize + DeserializeOwned>(
        &self,
        answer: &T,
        page: impl FnOnce(&T) -> String,
    ) -> anyhow::Result<()> {
        if self.json {
            out::line(values::json(answer)?)?;
        } else {
            out::line(page(&values::escaped(answer)?).trim_end())?;
        }
        Ok(())
    }
}

async fn whole(response: Response) -> anyhow::Result<Vec<u8>> {
    let bytes = response.bytes().await;
    let bytes = bytes.context("the host's answer did not arrive whole")?;
    Ok(bytes.into())
}
